#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_store::{Absent, Store};
use aqueduct_sys::calls_made;
use tempfile::TempDir;

use super::*;
use crate::{Options, Server};

/// A server that never runs, and its directory.
fn server() -> (Server, TempDir) {
    let directory = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let store = Store::open(directory.path(), Absent::Make, aqueduct_store::Options::default()).unwrap();
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    (Server::bind(store, Options { listen, ..Options::default() }).unwrap(), directory)
}

/// Keeps a blob; what it is named by does not matter here.
fn keep(shared: &Shared, number: u8, bytes: &[u8]) -> Digest {
    let digest = Digest::new(Algorithm::Sha256, [number; 32]);
    shared.cache.put(shared.cache.ticket(), digest, bytes.into());
    digest
}

fn get(digest: &Digest) -> String {
    format!("GET /blobs/{digest} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// What is answered to these, and what was not.
fn answered(shared: &Shared, requests: &str) -> (SendQueue, Option<Heard>, Inbox) {
    let mut inbox = Inbox::default();
    inbox.push(requests.as_bytes());
    let first = take_head(&mut inbox, shared).unwrap();
    let (queue, rest) = answer(&mut inbox, shared, first, false);
    (queue, rest, inbox)
}

#[test]
fn requests_that_came_together_are_answered_in_one_write() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let digests = [keep(shared, 1, b"one"), keep(shared, 2, b"two"), keep(shared, 3, b"three")];
    let (mut queue, rest, inbox) = answered(shared, &digests.each_ref().map(get).concat());
    assert!(rest.is_none() && inbox.is_empty());
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let before = calls_made();
    let _ = queue.step(ours.as_fd(), usize::MAX).unwrap();
    assert_eq!(calls_made() - before, 1);
    assert!(queue.is_empty());
    drop(ours);
    let mut said = String::new();
    theirs.read_to_string(&mut said).unwrap();
    let bodies: Vec<_> = said
        .split("HTTP/1.1 200 OK\r\n")
        .skip(1)
        .map(|reply| reply.split_once("\r\n\r\n").unwrap().1)
        .collect();
    assert_eq!(bodies, ["one", "two", "three"]);
}

#[test]
fn the_first_that_takes_more_is_given_back_and_those_behind_it_wait() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let kept = keep(shared, 1, b"one");
    let absent = Digest::new(Algorithm::Sha256, [9; 32]);
    let (queue, rest, inbox) = answered(shared, &[get(&kept), get(&absent), get(&kept)].concat());
    assert!(!queue.is_empty());
    let Some(Heard::Request(Request { intent: Ok(Intent::Read(read)), .. })) = rest else {
        panic!("{absent}")
    };
    assert_eq!(read.digest, absent);
    assert_eq!(inbox.bytes(), get(&kept).as_bytes());
}

#[test]
fn what_takes_more_than_a_look_into_the_cache_is_not_answered_here() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let kept = keep(shared, 1, b"one");
    for request in [
        format!("HEAD /blobs/{kept} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /blobs/{kept} HTTP/1.0\r\n\r\n"),
        format!("GET /blobs/{kept} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        format!("GET /blobs/{kept} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-0\r\n\r\n"),
        format!("GET /blobs/{kept} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"{kept}\"\r\n\r\n"),
        format!("GET /blobs/{kept} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"),
        format!("GET /blobs/{kept} HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
    ] {
        let (queue, rest, _) = answered(shared, &request);
        assert!(queue.is_empty() && rest.is_some(), "{request}");
    }
}

#[test]
fn a_server_that_stops_says_so_and_answers_nothing_here() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let mut inbox = Inbox::default();
    inbox.push(get(&keep(shared, 1, b"one")).as_bytes());
    let first = take_head(&mut inbox, shared).unwrap();
    let (queue, rest) = answer(&mut inbox, shared, first, true);
    assert!(queue.is_empty() && rest.is_some());
}

#[test]
fn a_peer_that_asks_for_much_has_little_kept_for_it() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let large = keep(shared, 1, &[7; 60 << 10]);
    let (queue, rest, _) = answered(shared, &get(&large).repeat(9));
    assert!(rest.is_some());
    assert!(queue.remaining() < REPLIES_LEN + (64 << 10), "{}", queue.remaining());
    let tiny = keep(shared, 2, b"");
    let (mut queue, rest, inbox) = answered(shared, &get(&tiny).repeat(REPLY_COUNT_MAX + 2));
    assert!(rest.is_some());
    assert_eq!(inbox.bytes(), get(&tiny).as_bytes());
    // They leave in one write all the same.
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let _ = queue.step(ours.as_fd(), usize::MAX).unwrap();
    assert!(queue.is_empty());
}
