//! More than there is room for: it is refused early and in so many words, and those that are here do not notice.

use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;
use std::time::Duration;

use aqueduct_server::Options;
use aqueduct_store::SyncPolicy;
use aqueduct_wire::native::Code;
use tempfile::TempDir;

use crate::fixture::{Fixture, Peer, Reply, digest, pattern};
use crate::frames::{Native, get, put, refused};

const HOST: &str = "Host: localhost\r\n";

const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn ask_health(peer: &mut Peer) -> Reply {
    peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    peer.reply()
}

fn is_well(peer: &mut Peer) -> bool {
    ask_health(peer).status == 200
}

/// A server and as many connections as it takes, all of which one address may have.
fn full(count: usize, change: impl FnOnce(&mut Options)) -> (Fixture, Vec<Peer>) {
    let server = Fixture::with(|options| {
        options.connection_count_max = Some(count);
        options.connection_count_max_per_address = Some(0);
        change(options);
    });
    let mut peers: Vec<_> = (0..count).map(|_| server.connect()).collect();
    assert!(peers.iter_mut().all(is_well));
    (server, peers)
}

#[test]
fn one_connection_too_many_is_told_so_in_its_own_protocol_and_closed() {
    let (server, mut peers) = full(3, |_| {});
    let mut late = server.connect();
    let reply = ask_health(&mut late);
    reply.assert_problem(503, "too-many-connections");
    assert_eq!((reply.field("Retry-After"), reply.field("Connection")), (Some("2"), Some("close")));
    late.finish();
    late.assert_closed();
    Native::greeted(server.address).assert_closing(Code::Busy);
    let mut tls = server.connect();
    tls.say_bytes(&[0x16, 3, 1, 0, 5]);
    assert_eq!(tls.take(2), [0x15, 3], "an alert");
    assert!(peers.iter_mut().all(is_well));
}

#[test]
fn a_connection_too_many_that_sends_much_still_reads_why_it_is_refused() {
    let (server, _peers) = full(2, |_| {});
    let mut late = server.connect();
    let bytes = pattern(1 << 20);
    let head =
        format!("PUT /blobs/{} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", digest(&bytes), bytes.len());
    late.say(&head);
    late.say_bytes(&bytes);
    late.reply().assert_problem(503, "too-many-connections");
}

#[test]
fn whoever_leaves_makes_room() {
    let (server, mut peers) = full(2, |_| {});
    drop(peers.pop());
    // The server has to notice first.
    let is_served = (0..10_000).any(|_| is_well(&mut server.connect()));
    assert!(is_served && peers.iter_mut().all(is_well));
}

#[test]
fn beyond_the_few_that_are_told_why_connections_are_closed_at_once() {
    let (server, mut peers) = full(2, |_| {});
    let silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
    let mut reset_count = 0;
    for mut peer in silent {
        match peer.stream.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => reset_count += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(reset_count > 0, "all were told");
    assert!(peers.iter_mut().all(is_well));
}

#[test]
fn one_address_takes_no_more_than_its_share_of_the_connections() {
    let server = Fixture::with(|options| options.connection_count_max_per_address = Some(2));
    let mut greedy: Vec<_> = (0..2).map(|_| Peer::connect_from(STRANGER, server.address)).collect();
    assert!(greedy.iter_mut().all(is_well));
    let mut late = Peer::connect_from(STRANGER, server.address);
    ask_health(&mut late).assert_problem(503, "too-many-connections");
    assert!(is_well(&mut server.connect()), "others do not notice");
}

#[test]
fn without_a_limit_for_each_address_one_may_have_all() {
    let (_server, peers) = full(100, |options| options.connection_count_max_per_address = Some(0));
    assert_eq!(peers.len(), 100);
}

#[test]
fn what_needs_a_worker_is_refused_early_where_too_much_waits_and_the_rest_is_served() {
    let bytes = pattern(1 << 20);
    let mut first = Fixture::new();
    let name = first.put(&bytes);
    first.control.stop();
    first.ended().unwrap();
    let server = first.again(|options| options.request_count_max = 0);
    let absent = digest(b"absent");
    // None of the body of the first is sent: whoever waits to be told to send it is told that it is of no use.
    for request in [
        format!(
            "PUT /blobs/{absent} HTTP/1.1\r\n{HOST}Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n"
        ),
        format!("PUT /blobs/{absent} HTTP/1.1\r\n{HOST}Content-Length: 6\r\n\r\nabsent"),
        format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"),
        format!("DELETE /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /blobs HTTP/1.1\r\n{HOST}\r\n"),
        format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 14\r\n\r\n{{\"digests\":[]}}"),
        format!("POST /uploads HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\nUpload-Length: 9\r\n\r\n"),
    ] {
        let reply = server.ask(&request);
        reply.assert_problem(503, "overloaded");
        assert_eq!(reply.field("Retry-After"), Some("1"), "{request}");
    }
    assert!(is_well(&mut server.connect()));
    let mut native = Native::connect(server.address);
    let told = native.ask_and_hear(put(None, 70_000), &[7; 70_000]);
    assert_eq!(refused(&told), Code::Busy);
    // The connection is as good as before, and what is bounded by itself is done.
    let task = native.ask(get(name), &[]);
    assert!(native.bytes(task) == bytes);
}

#[test]
fn a_body_that_does_not_come_takes_no_place_among_those_that_wait_for_workers() {
    let server = Fixture::with(|options| options.request_count_max = 1);
    // Workers look after one for a moment, and then another is refused: it asks again.
    let begin = |bytes: &[u8]| {
        let (name, len) = (digest(bytes), bytes.len());
        let head = format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {len}\r\n");
        let begun = (0..10_000).find_map(|_| {
            let mut peer = server.connect();
            peer.say(&format!("{head}Expect: 100-continue\r\n\r\n"));
            (peer.head().status == 100).then_some(peer)
        });
        begun.expect("those that stall hold all places")
    };
    let stalled: Vec<_> = (0..20).map(|_| begin(&pattern(70_000))).collect();
    let bytes = pattern(100_000);
    let mut peer = begin(&bytes);
    peer.say_bytes(&bytes);
    assert_eq!(peer.reply().status, 201);
    drop(stalled);
}

#[test]
fn long_questions_that_do_not_come_keep_nobody_from_asking_short_ones() {
    let server = Fixture::new();
    let ask = |len: usize| format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: {len}\r\n\r\n");
    let stalled: Vec<_> = (0..16)
        .map(|_| {
            let mut peer = server.connect();
            peer.say(&ask(1 << 20).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
            assert_eq!(peer.head().status, 100);
            peer
        })
        .collect();
    assert_eq!(server.ask(&format!("{}{{\"digests\":[]}}", ask(14))).status, 200);
    server.ask(&ask(17 << 10)).assert_problem(503, "overloaded");
    drop(stalled);
}

#[test]
fn a_body_that_trickles_is_cut_off_and_one_that_is_only_slow_is_not() {
    let server = Fixture::with(|options| {
        options.deadlines.body = Duration::from_secs(1);
        options.rate_min = 1000;
    });
    // The clock is part of what is tested: peers with a steady pace. Both send something far more often than the deadline asks.
    let pace = Duration::from_millis(100);
    let (_never, nothing) = std::sync::mpsc::channel::<()>();
    for (piece_len, is_fast_enough) in [(10, false), (1000, true)] {
        let bytes = pattern(30 * piece_len);
        let mut peer = server.connect();
        let name = digest(&bytes);
        peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", bytes.len()));
        peer.stream.set_read_timeout(Some(pace)).unwrap();
        for piece in bytes.chunks(piece_len) {
            // It may have been told by now.
            if peer.stream.peek(&mut [0]).is_ok() {
                break;
            }
            peer.say_bytes(piece);
            let _ = nothing.recv_timeout(pace);
        }
        peer.stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let reply = peer.reply();
        if is_fast_enough {
            assert_eq!(reply.status, 201);
        } else {
            reply.assert_problem(408, "slow-body");
        }
    }
}

#[test]
fn a_server_on_which_nothing_is_synced_refuses_as_early() {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = Fixture::over(directory, SyncPolicy::None, |options| options.request_count_max = 0);
    let request = format!("POST /blobs HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello");
    server.ask(&request).assert_problem(503, "overloaded");
}

#[test]
fn an_upload_too_many_is_refused_until_there_is_one_less() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options = aqueduct_store::Options { upload_count_max: 2, ..Default::default() };
    let server = Fixture::of(directory, options, |_| {});
    let head = format!("HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\n");
    let begin = || server.ask(&format!("POST /uploads {head}Upload-Length: 100\r\n\r\n"));
    let begun = begin();
    assert_eq!((begun.status, begin().status), (201, 201));
    let refused = begin();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.field("Retry-After"), Some("60"));
    assert!(refused.text().contains("too-many-uploads"));
    let place = begun.field("Location").unwrap();
    assert_eq!(server.ask(&format!("DELETE {place} {head}\r\n")).status, 204);
    assert_eq!(begin().status, 201);
}
