//! Blobs on their way in.

use aqueduct_blob::Algorithm;
use aqueduct_flow::ReceiveRoute;
use aqueduct_store::SyncPolicy;
use rustix::net::{SendFlags, send};
use tempfile::TempDir;

use crate::fixture::{Fixture, digest, digest_by, files, pattern};

const HOST: &str = "Host: localhost\r\n";

#[test]
fn a_blob_is_created_once_and_there_from_then_on() {
    let server = Fixture::new();
    let name = digest(b"hello");
    let mut peer = server.connect();
    for (status, round) in [(201, "first"), (200, "second")] {
        peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello"));
        let reply = peer.reply();
        assert_eq!(reply.status, status, "{round}");
        assert_eq!(reply.field("Location"), Some(format!("/blobs/{name}").as_str()));
        assert_eq!(reply.json(), serde_json::json!({ "digest": name.to_string(), "size": 5 }));
        assert_eq!(reply.field("Connection"), None, "it is kept");
    }
    assert!(server.has(&name));
}

#[test]
fn bytes_of_another_digest_are_refused_with_both_and_stored_under_neither() {
    let server = Fixture::new();
    let (expected, actual) = (digest(b"right"), digest(b"wrong"));
    let mut peer = server.connect();
    peer.say(&format!("PUT /blobs/{expected} HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nwrong"));
    let problem = peer.reply().assert_problem(400, "digest-mismatch");
    assert_eq!(problem["expected"], expected.to_string());
    assert_eq!(problem["actual"], actual.to_string());
    assert!(!server.has(&expected) && !server.has(&actual));
    // The body was read, so the connection is as good as new.
    peer.say(&format!("PUT /blobs/{expected} HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nright"));
    assert_eq!(peer.reply().status, 201);
}

#[test]
fn small_blobs_that_come_in_one_piece_are_stored_and_answered_in_order() {
    let server = Fixture::new();
    let mut peer = server.connect();
    let bodies: Vec<_> = (b'a'..=b'e').map(|letter| [letter].repeat(2000)).collect();
    let mut said = Vec::new();
    for body in &bodies {
        said.extend_from_slice(
            format!("POST /blobs HTTP/1.1\r\n{HOST}Content-Length: 2000\r\n\r\n").as_bytes(),
        );
        said.extend_from_slice(body);
    }
    peer.say_bytes(&said);
    for body in &bodies {
        let reply = peer.reply();
        assert_eq!((reply.status, reply.json()["digest"].as_str()), (201, Some(&*digest(body).to_string())));
        assert!(server.has(&digest(body)));
    }
    // What comes behind its head, or in pieces, is stored like what comes with it.
    for (letter, cut) in [(b'x', 0), (b'y', 1), (b'z', 1999)] {
        let body = [letter; 2000];
        peer.say(&format!("PUT /blobs/{} HTTP/1.1\r\n{HOST}Content-Length: 2000\r\n\r\n", digest(&body)));
        peer.say_bytes(&body[..cut]);
        peer.say_bytes(&body[cut..]);
        assert_eq!(peer.reply().status, 201, "{cut}");
        assert!(server.has(&digest(&body)));
    }
}

#[test]
fn a_small_body_makes_no_difference_to_a_blob_that_is_here_whenever_it_comes() {
    for server in [Fixture::new(), loose()] {
        let name = server.put(b"right");
        let absent = digest(b"absent");
        for is_at_once in [true, false] {
            for (name, field, status) in [
                (name, "", 200),
                (name, "If-Match: *\r\n", 200),
                (name, "If-None-Match: *\r\n", 412),
                (absent, "If-Match: *\r\n", 412),
                (absent, "", 400),
            ] {
                let mut peer = server.connect();
                let head = format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}{field}Content-Length: 5\r\n\r\n");
                if is_at_once {
                    peer.say(&format!("{head}wrong"));
                } else {
                    peer.say(&head);
                    peer.say("wrong");
                }
                assert_eq!(peer.reply().status, status, "{name} {field} {is_at_once}");
            }
        }
        assert!(server.has(&name) && !server.has(&absent));
    }
}

#[test]
fn who_would_wait_to_be_told_and_sent_a_small_body_with_its_head_is_answered_at_once() {
    for server in [Fixture::new(), loose()] {
        let name = digest(b"waited");
        let mut peer = server.connect();
        for (body, status) in [("wasted", 400), ("waited", 201), ("waited", 200)] {
            peer.say(&format!(
                "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 6\r\nExpect: 100-continue\r\n\r\n{body}"
            ));
            let reply = peer.reply();
            assert_eq!((reply.status, reply.field("Connection")), (status, None));
        }
    }
}

#[test]
fn the_server_names_a_blob_by_the_algorithm_asked_for() {
    let server = Fixture::new();
    let mut peer = server.connect();
    for (query, algorithm) in [
        ("", Algorithm::Sha256),
        ("?digest=blake3", Algorithm::Blake3),
        ("?digest=sha256", Algorithm::Sha256),
    ] {
        let name = digest_by(algorithm, query.as_bytes());
        peer.say(&format!(
            "POST /blobs{query} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{query}",
            query.len()
        ));
        let reply = peer.reply();
        assert_eq!(reply.status, 201);
        assert_eq!(reply.field("Location"), Some(format!("/blobs/{name}").as_str()));
        assert!(server.has(&name));
    }
}

#[test]
fn a_blob_of_any_size_arrives_however_it_is_cut() {
    let server = Fixture::new();
    for len in [0, 1, 4096, 70_000, (3 << 20) + 1] {
        let bytes = pattern(len);
        let name = digest(&bytes);
        let mut peer = server.connect();
        let request = format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {len}\r\n\r\n");
        // The head in two pieces, the first bytes of the body together with its end.
        peer.say(&request[..7]);
        let begin = bytes.len().min(100);
        peer.say_bytes(&[&request.as_bytes()[7..], &bytes[..begin]].concat());
        for piece in bytes[begin..].chunks(300_007) {
            peer.say_bytes(piece);
        }
        assert_eq!(peer.reply().status, 201, "{len}");
        peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        assert!(peer.reply().body == bytes, "{len}");
    }
}

#[test]
fn chunks_of_every_size_make_one_blob() {
    let server = Fixture::new();
    let bytes = pattern((2 << 20) + 12_345);
    let name = digest(&bytes);
    for chunk_len in [4001, 65_536, 200_000, bytes.len()] {
        let mut peer = server.connect();
        let mut said =
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        for chunk in bytes.chunks(chunk_len) {
            said.extend_from_slice(format!("{:x};ext=1\r\n", chunk.len()).as_bytes());
            said.extend_from_slice(chunk);
            said.extend_from_slice(b"\r\n");
        }
        // Behind the last chunk and a trailer comes the next request.
        said.extend_from_slice(
            b"0\r\nTrailer: ignored\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        peer.say_bytes(&said);
        assert_eq!(peer.reply().status, 201, "{chunk_len}");
        assert_eq!(peer.reply().text(), "ok\n");
        peer.say(&format!("DELETE /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(peer.reply().status, 204);
    }
}

#[test]
fn who_waits_to_be_told_is_told_and_then_heard() {
    let server = Fixture::new();
    let name = digest(b"waited");
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 6\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(peer.head().status, 100);
    peer.say("waited");
    assert_eq!(peer.reply().status, 201);
    peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.reply().body, b"waited");
}

#[test]
fn who_waits_with_a_blob_that_is_here_need_not_send_it() {
    let server = Fixture::new();
    let name = server.put(b"here already");
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: 12\r\nExpect: 100-continue\r\n\r\n"
    ));
    let reply = peer.reply();
    assert_eq!((reply.status, reply.field("Connection")), (200, Some("close")));
    // It may send the body all the same, or a request: neither is taken for the other.
    peer.say(&format!("DELETE /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
    peer.finish();
    peer.assert_closed();
    assert!(server.has(&name), "what followed was not parsed as a head");
}

#[test]
fn a_body_that_looks_like_a_request_is_drained_and_not_obeyed() {
    let server = Fixture::new();
    let victim = server.put(b"victim");
    let name = server.put(b"here already");
    let smuggled = format!("DELETE /blobs/{victim} HTTP/1.1\r\n{HOST}\r\n");
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    ));
    assert_eq!(peer.reply().status, 200);
    peer.say(&format!("HEAD /blobs/{victim} HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.head().status, 200);
}

#[test]
fn a_large_body_that_nobody_needs_is_drained_however_it_is_framed() {
    let server = Fixture::new();
    let bytes = pattern(5 << 20);
    let name = server.put(&bytes);
    let mut peer = server.connect();
    peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", bytes.len()));
    peer.say_bytes(&bytes);
    assert_eq!(peer.reply().status, 200);
    peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"));
    for chunk in bytes.chunks(100_000) {
        peer.say(&format!("{:x}\r\n", chunk.len()));
        peer.say_bytes(chunk);
        peer.say("\r\n");
    }
    peer.say("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(peer.reply().status, 200);
    assert_eq!(peer.reply().text(), "ok\n");
}

#[test]
fn a_blob_that_must_be_new_and_is_not_is_refused() {
    let server = Fixture::new();
    let name = digest(b"new");
    for (status, _) in [(201, "the first time"), (412, "the second")] {
        let request =
            format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}If-None-Match: *\r\nContent-Length: 3\r\n\r\nnew");
        assert_eq!(server.ask(&request).status, status);
    }
}

#[test]
fn a_blob_over_the_limit_is_refused_before_or_while_it_comes() {
    let server = Fixture::with(|options| options.blob_size_max = 1000);
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs HTTP/1.1\r\n{HOST}Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n"));
    let problem = peer.reply().assert_problem(413, "too-large");
    assert_eq!(problem["limit"], 1000);
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3e7\r\n"));
    peer.say_bytes(&pattern(999));
    peer.say("\r\n2\r\nab\r\n0\r\n\r\n");
    peer.reply().assert_problem(413, "too-large");
    peer.finish();
    peer.assert_closed();
    let exactly = pattern(1000);
    server.put(&exactly);
}

#[test]
fn an_urgent_byte_is_no_byte_of_a_body_and_nothing_in_its_way() {
    for route in ReceiveRoute::ALL {
        let server = Fixture::with(|options| options.receive_route = route);
        for len in [100_000, 8 << 20] {
            let bytes = pattern(len);
            let name = digest(&bytes);
            let mut peer = server.connect();
            peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {len}\r\n\r\n"));
            let (first, last) = bytes.split_at(len / 2);
            peer.say_bytes(first);
            assert_eq!(send(&peer.stream, b"!", SendFlags::OOB).unwrap(), 1);
            peer.say_bytes(last);
            assert_eq!(peer.reply().status, 201, "{route} {len}");
            // What comes next is a request.
            peer.say(&format!("DELETE /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
            assert_eq!(peer.reply().status, 204, "{route} {len}");
        }
    }
}

#[test]
fn a_peer_that_leaves_in_the_middle_leaves_nothing_behind() {
    let server = Fixture::new();
    let before = files(server.root());
    let bytes = pattern(1 << 20);
    let name = digest(&bytes);
    for framing in ["Content-Length: 1048576", "Transfer-Encoding: chunked"] {
        let mut peer = server.connect();
        peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}{framing}\r\n\r\n"));
        if framing.starts_with('T') {
            peer.say("80000\r\n");
        }
        peer.say_bytes(&bytes[..bytes.len() / 3]);
        peer.finish();
        // It is not answered, because nothing came of it.
        peer.assert_closed();
    }
    assert!(!server.has(&name));
    assert_eq!(files(server.root()), before);
}

#[test]
fn two_uploads_of_one_blob_at_once_make_one() {
    let server = Fixture::new();
    let bytes = pattern(300_000);
    let name = digest(&bytes);
    let mut peers: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", bytes.len()));
        peer.say_bytes(&bytes[..1000]);
    }
    for peer in &mut peers {
        peer.say_bytes(&bytes[1000..]);
    }
    let mut statuses: Vec<_> = peers.iter_mut().map(|peer| peer.reply().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 201]);
}

#[test]
fn a_blob_that_is_here_is_drained_before_a_connection_that_ends() {
    let server = Fixture::with(|options| options.deadlines.linger = std::time::Duration::from_millis(1));
    let bytes = pattern(5 << 20);
    let name = server.put(&bytes);
    for head in [
        format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Connection: close"),
        format!("PUT /blobs/{name} HTTP/1.0"),
    ] {
        let mut peer = server.connect();
        peer.say(&format!("{head}\r\nContent-Length: {}\r\n\r\n", bytes.len()));
        let reply = peer.reply();
        assert_eq!((reply.status, reply.field("Connection")), (200, Some("close")));
        // The reply came before the body was sent, which is taken all the same.
        peer.say_bytes(&bytes);
        peer.finish();
        peer.assert_closed();
    }
}

#[test]
fn a_drain_ends_at_the_size_of_the_largest_blob() {
    let server = Fixture::with(|options| options.blob_size_max = 1000);
    let name = server.put(b"here already");
    let mut peer = server.connect();
    peer.say(&format!(
        "PUT /blobs/{name} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"
    ));
    assert_eq!(peer.reply().status, 200);
    peer.finish();
    peer.assert_closed();
}

#[test]
fn a_refusal_before_the_body_never_lets_it_be_parsed_as_a_request() {
    let server = Fixture::with(|options| options.blob_size_max = 100);
    let victim = server.put(b"victim");
    let smuggled = format!("DELETE /blobs/{victim} HTTP/1.1\r\n{HOST}\r\n");
    let len = smuggled.len();
    for expect in ["", "Expect: 100-continue\r\n"] {
        for (head, status) in [
            (format!("PUT /nowhere HTTP/1.1\r\n{HOST}Content-Length: {len}"), 404),
            (format!("PUT /blobs/sha256:x HTTP/1.1\r\n{HOST}Content-Length: {len}"), 400),
            (format!("POST /blobs HTTP/1.1\r\n{HOST}Content-Length: {len}"), 413),
            (format!("POST /blobs HTTP/1.1\r\nHost: foreign.example\r\nContent-Length: {len}"), 421),
            (format!("GET /blobs/{victim} HTTP/1.1\r\n{HOST}Content-Length: {len}"), 200),
            (format!("GET /healthz HTTP/1.1\r\n{HOST}Content-Length: {len}"), 200),
        ] {
            let mut peer = server.connect();
            peer.say(&format!("{head}\r\n{expect}\r\n"));
            assert_eq!(peer.reply().status, status, "{head}");
            peer.say(&smuggled);
            peer.finish();
            peer.assert_closed();
            assert!(server.has(&victim), "{head} {expect}");
        }
    }
}

#[test]
fn a_large_body_is_hashed_beside_its_receipt_where_there_is_another_core() {
    let server = Fixture::new();
    let bytes = pattern(24 << 20);
    let name = digest(&bytes);
    let mut peer = server.connect();
    peer.say(&format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", bytes.len()));
    peer.say_bytes(&bytes);
    assert_eq!(peer.reply().status, 201);
    assert!(server.has(&name));
    // A thread of a crew stays for a while after it has worked.
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    let has_hasher = names.into_iter().any(|name| name.trim_end() == "hasher");
    assert_eq!(has_hasher, std::thread::available_parallelism().unwrap().get() > 1);
}

/// A server that syncs nothing.
fn loose() -> Fixture {
    Fixture::over(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), SyncPolicy::None, |_| {})
}
