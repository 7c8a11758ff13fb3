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
use crate::asked::Peer;
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

/// What is answered to these, and what is left of them.
fn answered(shared: &Shared, requests: &str) -> (Prompt, Inbox) {
    let mut inbox = Inbox::default();
    inbox.push(requests.as_bytes());
    let (first, head_len) = look_at_head(&inbox, shared).unwrap();
    inbox.take(head_len);
    let mut who = Who::stranger(Peer::Host((Ipv4Addr::LOCALHOST, 1).into()));
    (answer(&mut inbox, &mut who, shared, first), inbox)
}

fn replies(prompt: Prompt) -> SendQueue {
    let Prompt::Replies(queue, _) = prompt else { panic!("it is in memory") };
    queue
}

#[test]
fn requests_that_came_together_are_answered_in_one_write() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let digests = [keep(shared, 1, b"one"), keep(shared, 2, b"two"), keep(shared, 3, b"three")];
    let (prompt, inbox) = answered(shared, &digests.each_ref().map(get).concat());
    let mut queue = replies(prompt);
    assert!(inbox.is_empty());
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
fn the_first_that_takes_more_and_those_behind_it_stay_in_the_inbox() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let kept = keep(shared, 1, b"one");
    let absent = Digest::new(Algorithm::Sha256, [9; 32]);
    let (prompt, inbox) = answered(shared, &[get(&kept), get(&absent), get(&kept)].concat());
    assert!(!replies(prompt).is_empty());
    assert_eq!(inbox.bytes(), [get(&absent), get(&kept)].concat().as_bytes());
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
        let (prompt, _) = answered(shared, &request);
        assert!(matches!(prompt, Prompt::No(_)), "{request}");
    }
}

#[test]
fn a_peer_that_asks_for_much_has_little_kept_for_it() {
    let (server, _directory) = server();
    let shared = &server.shared;
    let large = keep(shared, 1, &[7; 60 << 10]);
    let (prompt, inbox) = answered(shared, &get(&large).repeat(9));
    let left = replies(prompt).remaining();
    assert!(left < REPLIES_LEN + (64 << 10), "{left}");
    assert!(!inbox.is_empty());
    let tiny = keep(shared, 2, b"2");
    let (prompt, inbox) = answered(shared, &get(&tiny).repeat(REPLY_COUNT_MAX + 2));
    assert_eq!(inbox.bytes(), get(&tiny).repeat(2).as_bytes());
    // They leave in one write all the same.
    let (mut queue, before) = (replies(prompt), calls_made());
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let _ = queue.step(ours.as_fd(), usize::MAX).unwrap();
    assert!(queue.is_empty());
    assert_eq!(calls_made() - before, 1);
}
