//! Preconditions.

use crate::fixture::{Fixture, digest};

#[test]
fn preconditions_decide_between_all_of_it_a_part_and_nothing() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let other = digest(b"other");
    let mut peer = server.connect();
    for (fields, status) in [
        (format!("If-None-Match: \"{name}\""), 304),
        (format!("If-None-Match: W/\"{name}\""), 304),
        ("If-None-Match: *".to_owned(), 304),
        (format!("If-None-Match: \"{other}\", \"{name}\""), 304),
        (format!("If-None-Match: \"{other}\"\r\nIf-None-Match: \"{name}\""), 304),
        (format!("If-None-Match: \"{other}\""), 200),
        (format!("If-Match: \"{name}\""), 200),
        ("If-Match: *".to_owned(), 200),
        (format!("If-Match: W/\"{name}\""), 412),
        (format!("If-Match: \"{other}\""), 412),
        (format!("If-Match: \"{other}\"\r\nIf-None-Match: \"{name}\""), 412),
        (format!("Range: bytes=0-0\r\nIf-Range: \"{name}\""), 206),
        (format!("Range: bytes=0-0\r\nIf-Range: \"{other}\""), 200),
        (format!("Range: bytes=0-0\r\nIf-Range: W/\"{name}\""), 200),
        ("Range: bytes=0-0\r\nIf-Range: Sat, 21 Nov 2026 00:00:00 GMT".to_owned(), 200),
        (format!("Range: bytes=0-0\r\nIf-None-Match: \"{name}\""), 304),
        ("If-Modified-Since: Sat, 21 Nov 2026 00:00:00 GMT".to_owned(), 200),
        ("Range: bytes=0-0\r\nRange: bytes=1-1".to_owned(), 200),
    ] {
        peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n"));
        // Only 304 has no body, and no length either.
        let reply = peer.reply();
        assert_eq!(reply.status, status, "{fields}");
        if status == 304 {
            assert_eq!(reply.field("ETag"), Some(format!("\"{name}\"").as_str()));
            assert_eq!(reply.field("Content-Length"), None);
        }
    }
    peer.say(&format!("GET /blobs/{other} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n"));
    assert_eq!(peer.reply().status, 404, "what is absent has no state to compare");
}
