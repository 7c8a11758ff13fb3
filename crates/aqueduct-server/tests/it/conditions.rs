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

#[test]
fn preconditions_hold_for_changes_as_well() {
    let server = Fixture::new();
    let (here, absent) = (server.put(b"here!"), digest(b"gone!"));
    let mut peer = server.connect();
    let mut ask = |method: &str, name, field: String| {
        let body = if name == here { "here!" } else { "gone!" };
        let framing =
            if method == "PUT" { format!("Content-Length: 5\r\n\r\n{body}") } else { "\r\n".to_owned() };
        peer.say(&format!("{method} /blobs/{name} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n{framing}"));
        peer.reply().status
    };
    for (method, name, field, status) in [
        ("PUT", here, format!("If-Match: \"{absent}\""), 412),
        ("PUT", here, format!("If-None-Match: \"{here}\""), 412),
        ("PUT", here, "If-None-Match: *".to_owned(), 412),
        ("PUT", here, format!("If-Match: \"{here}\""), 200),
        ("PUT", absent, "If-Match: *".to_owned(), 412),
        ("DELETE", here, format!("If-Match: \"{absent}\""), 412),
        ("DELETE", absent, format!("If-Match: \"{here}\""), 404),
        ("GET", absent, format!("If-Match: \"{here}\""), 404),
        ("PUT", absent, "If-None-Match: *".to_owned(), 201),
        ("DELETE", here, format!("If-Match: \"{here}\""), 204),
    ] {
        assert_eq!(ask(method, name, field.clone()), status, "{method} {field}");
    }
}

#[test]
fn of_two_uploads_that_must_be_new_one_is_told_that_it_is_not() {
    let server = Fixture::new();
    let name = digest(b"halves");
    let mut peers = [server.connect(), server.connect()];
    for peer in &mut peers {
        peer.say(&format!(
            "PUT /blobs/{name} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\nContent-Length: 6\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
        assert_eq!(peer.head().status, 100);
    }
    let statuses = peers.map(|mut peer| {
        peer.say("halves");
        peer.reply().status
    });
    assert_eq!(statuses, [201, 412]);
}

#[test]
fn a_head_has_no_ranges() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let mut peer = server.connect();
    for range in ["0-0", "9-"] {
        peer.say(&format!("HEAD /blobs/{name} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={range}\r\n\r\n"));
        let reply = peer.head();
        assert_eq!((reply.status, reply.field("Content-Length")), (200, Some("5")));
    }
}
