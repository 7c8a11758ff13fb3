//! Peers that are too slow.

use std::time::Duration;

use crate::fixture::{Fixture, SMALL, digest, files, pattern};

const HOST: &str = "Host: localhost\r\n";

/// Deadlines that pass while a test waits; whatever is not meant to pass is far away.
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_head_that_does_not_end_is_answered_and_closed() {
    let server = Fixture::with(|options| options.deadlines.head = SHORT);
    let mut peer = server.connect();
    peer.say("GET / HTTP/1.1\r\nHost: loc");
    peer.reply().assert_problem(408, "slow-head");
    peer.finish();
    peer.assert_closed();
}

#[test]
fn a_peer_that_says_nothing_is_closed_without_a_word() {
    let server = Fixture::with(|options| options.deadlines.head = SHORT);
    server.connect().assert_closed();
    let server = Fixture::with(|options| options.deadlines.idle = SHORT);
    let mut peer = server.connect();
    peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.reply().status, 200);
    peer.assert_closed();
}

#[test]
fn a_body_that_does_not_come_is_answered_and_leaves_nothing() {
    let server = Fixture::with(|options| options.deadlines.body = SHORT);
    let before = files(server.root());
    let name = digest(b"name");
    for (framing, begin) in [
        ("Content-Length: 4", "na"),
        ("Transfer-Encoding: chunked", "4\r\nna"),
        ("Transfer-Encoding: chunked", "4"),
    ] {
        let mut peer = server.connect();
        peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}{framing}\r\n\r\n{begin}"));
        peer.reply().assert_problem(408, "slow-body");
        peer.finish();
        peer.assert_closed();
    }
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\n{{"));
    peer.reply().assert_problem(408, "slow-body");
    assert!(!server.has(&name));
    assert_eq!(files(server.root()), before);
}

#[test]
fn a_peer_that_takes_nothing_of_its_reply_is_cut_off() {
    let server = Fixture::with(|options| options.deadlines.send = SHORT);
    let bytes = pattern(16 << 20);
    let name = server.put(&bytes);
    let mut peer = server.connect();
    rustix::net::sockopt::set_socket_recv_buffer_size(&peer.stream, SMALL).unwrap();
    peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
    // A reset throws away what the kernel still had: nobody would ever have taken it.
    let mut control = server.connect();
    let reset = loop {
        control.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(control.reply().status, 200, "others are served meanwhile");
        if let Some(error) = peer.stream.take_error().unwrap() {
            break error;
        }
    };
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}
