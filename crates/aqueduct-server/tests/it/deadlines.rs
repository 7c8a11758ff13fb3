//! Peers that are too slow.

use std::time::Duration;

use aqueduct_wire::native::{Request, Say};

use crate::fixture::{Fixture, SMALL, digest, files, pattern};
use crate::frames::{Native, put};

const HOST: &str = "Host: localhost\r\n";

/// Deadlines that pass while a test waits; whatever is not meant to pass is far away.
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn a_head_that_does_not_end_is_answered_and_closed() {
    let server = Fixture::with(|options| options.deadlines.head = SHORT);
    let mut peer = server.connect();
    // The first head's time begins with the connection: this is the second, which begins with its first byte.
    peer.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: loc");
    assert_eq!(peer.reply().status, 200);
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
    // Whether the reactor sends it or a worker.
    for is_cold in [false, true] {
        if is_cold {
            server.cool(&name);
        }
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
}

#[test]
fn a_peer_that_takes_little_at_a_time_is_waited_for() {
    let server = Fixture::with(|options| options.deadlines.send = Duration::from_secs(2));
    let bytes = pattern(24 << 20);
    let name = server.put(&bytes);
    let mut peer = server.connect();
    rustix::net::sockopt::set_socket_recv_buffer_size(&peer.stream, SMALL).unwrap();
    peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.head().status, 200);
    // Longer than the deadline in all, and never as much at once as the kernel waits for before it calls a socket
    // writable. The clock is part of what is tested: a reader with a steady pace.
    let pace = Duration::from_millis(250);
    let (_never, nothing) = std::sync::mpsc::channel::<()>();
    for piece in bytes[..20 * SMALL].chunks(SMALL) {
        assert!(peer.take(piece.len()) == piece);
        let _ = nothing.recv_timeout(pace);
    }
    assert!(peer.take(bytes.len() - 20 * SMALL) == bytes[20 * SMALL..]);
}

#[test]
fn many_small_bodies_that_do_not_come_hold_up_nobody_for_long() {
    let server = Fixture::with(|options| options.deadlines.body = SHORT);
    let mut stalled: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for peer in &mut stalled {
        peer.say(&format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 14\r\n\r\n{{"));
    }
    for peer in &mut stalled {
        peer.reply().assert_problem(408, "slow-body");
    }
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 14\r\n\r\n{{\"digests\":[]}}"));
    assert_eq!(peer.reply().status, 200);
}

#[test]
fn each_put_of_a_connection_has_a_time_of_its_own() {
    let server = Fixture::with(|options| options.deadlines.body = Duration::from_secs(1));
    let mut native = Native::connect(server.address);
    // The clock is part of what is tested: together they take twice as long as one of them may.
    let (_sender, nothing) = std::sync::mpsc::channel::<()>();
    for number in 0..20_u8 {
        let mut head = Vec::new();
        Request { task: native.task(), ask: put(None, 2) }.write(2, &mut head);
        native.peer.say_bytes(&head);
        native.peer.say_bytes(&[number]);
        let _ = nothing.recv_timeout(Duration::from_millis(100));
        native.peer.say_bytes(&[number]);
        assert!(matches!(native.hear().say, Say::Stored { .. }));
    }
}
