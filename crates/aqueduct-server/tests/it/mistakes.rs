//! What peers do wrong, and what they are told.

use std::io::Write;

use crate::fixture::{Fixture, digest, files};

const HOST: &str = "Host: localhost\r\n";

/// Each is said as it stands, answered, and the connection closed or kept.
#[test]
fn every_mistake_has_its_status_and_leaves_nothing_behind() {
    let server = Fixture::new();
    let before = files(server.root());
    let name = digest(b"name");
    let put = format!("PUT /blobs/{name} HTTP/1.1\r\n{HOST}");
    let many_fields = "X: y\r\n".repeat(101);
    let long_field = "y".repeat(17_000);
    let cases: Vec<(String, u16, &str, bool)> = vec![
        // request, status, problem, kept
        (format!("GET /blobs/sha256:abc HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-digest", true),
        (format!("GET /blobs/md5:{} HTTP/1.1\r\n{HOST}\r\n", "0".repeat(32)), 400, "bad-digest", true),
        (format!("GET /blobs/..%2f..%2fetc HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-digest", true),
        (format!("GET /blobz HTTP/1.1\r\n{HOST}\r\n"), 404, "no-such-path", true),
        (format!("GET /%ff HTTP/1.1\r\n{HOST}\r\n"), 404, "no-such-path", true),
        (format!("PATCH /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"), 405, "method-not-allowed", true),
        (format!("DELETE /blobs HTTP/1.1\r\n{HOST}\r\n"), 405, "method-not-allowed", true),
        (format!("GET /blobs/missing HTTP/1.1\r\n{HOST}\r\n"), 405, "method-not-allowed", true),
        (format!("GET /blobs?limit=0 HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-query", true),
        (format!("GET /blobs?limit=x HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-query", true),
        (format!("GET /blobs?after=x HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-digest", true),
        (format!("GET /blobs?page=2 HTTP/1.1\r\n{HOST}\r\n"), 400, "bad-query", true),
        (
            format!("POST /blobs?digest=md5 HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\nxx"),
            400,
            "bad-query",
            true,
        ),
        (format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\n[]"), 400, "bad-body", true),
        (format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 1\r\n\r\n{{"), 400, "bad-body", true),
        (
            format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 15\r\n\r\n{{\"digests\":[1]}}"),
            400,
            "bad-body",
            true,
        ),
        (
            format!("POST /blobs/missing HTTP/1.1\r\n{HOST}Content-Length: 2000000\r\n\r\n"),
            413,
            "too-large",
            false,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "missing-host", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400, "repeated-host", false),
        ("GET / HTTP/2.0\r\n\r\n".to_owned(), 505, "unsupported-version", false),
        ("NOT HTTP AT ALL\r\n\r\n".to_owned(), 400, "bad-request-line", false),
        ("\u{0}\u{1}\u{2}".to_owned(), 400, "not-http", false),
        (format!("GET / HTTP/1.1\r\n{HOST}{many_fields}\r\n"), 431, "too-many-fields", false),
        (format!("GET / HTTP/1.1\r\n{HOST}X: {long_field}\r\n\r\n"), 431, "head-too-long", false),
        (
            format!("{put}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nname"),
            400,
            "length-and-chunked",
            false,
        ),
        (format!("{put}Content-Length: 4\r\nContent-Length: 5\r\n\r\nname"), 400, "repeated-length", false),
        (format!("{put}Content-Length: 4, 5\r\n\r\nname"), 400, "bad-length", false),
        (format!("{put}Content-Length: -4\r\n\r\nname"), 400, "bad-length", false),
        (format!("{put}Transfer-Encoding: gzip, chunked\r\n\r\n"), 501, "unknown-transfer-coding", false),
        (format!("{put}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400, "bad-chunk", false),
        (format!("{put}Transfer-Encoding: chunked\r\n\r\n4\r\nname!!0\r\n\r\n"), 400, "bad-chunk", false),
        (
            format!("{put}Expect: the unexpected\r\nContent-Length: 4\r\n\r\nname"),
            417,
            "unknown-expectation",
            false,
        ),
    ];
    for (request, status, problem, is_kept) in cases {
        let mut peer = server.connect();
        peer.say(&request);
        let reply = peer.reply();
        reply.assert_problem(status, problem);
        assert_eq!(reply.field("Connection"), (!is_kept).then_some("close"), "{request:?}");
        assert_eq!(reply.field("Allow").is_some(), status == 405);
        if is_kept {
            peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
            assert_eq!(peer.reply().text(), "ok\n", "{request:?}");
        } else {
            peer.finish();
            peer.assert_closed();
        }
    }
    assert!(!server.has(&name));
    assert_eq!(files(server.root()), before);
}

#[test]
fn a_peer_that_does_not_read_its_refusal_before_it_is_done_still_gets_it() {
    let server = Fixture::with(|options| options.blob_size_max = 10);
    let mut peer = server.connect();
    peer.say(&format!("POST /blobs HTTP/1.1\r\n{HOST}Content-Length: 50000000\r\n\r\n"));
    // Far more than any buffer on the way holds: it arrives only if somebody reads it.
    let body = vec![7; 50_000_000];
    peer.stream.write_all(&body).unwrap();
    peer.reply().assert_problem(413, "too-large");
    peer.finish();
    peer.assert_closed();
}

#[test]
fn whoever_speaks_tls_is_told_so_in_tls() {
    let server = Fixture::new();
    let mut peer = server.connect();
    peer.say_bytes(&[0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]);
    peer.finish();
    assert_eq!(peer.rest(), [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);
}

#[test]
fn a_refusal_shows_the_value_and_not_a_novel() {
    let server = Fixture::new();
    let reply = server.ask(&format!("GET /blobs/{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(5000)));
    let problem = reply.assert_problem(400, "bad-digest");
    let shown = problem["digest"].as_str().unwrap();
    assert!(shown.starts_with("xxx") && shown.len() < 200);
}

#[test]
fn a_body_that_nobody_asked_for_is_not_taken_for_the_next_request() {
    let server = Fixture::new();
    let mut peer = server.connect();
    peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}Content-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n12"));
    assert_eq!(peer.reply().text(), "ok\n");
    peer.say(&format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(peer.reply().text(), "ok\n");
}
