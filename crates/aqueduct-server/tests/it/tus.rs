//! Uploads as tus 1.0.0 has them.

use std::io::Write;
use std::time::{Duration, SystemTime};

use aqueduct_blob::{Algorithm, Digest};

use crate::fixture::{Fixture, Peer, Reply, digest, digest_by, files, pattern};

/// What every request has.
const HEAD: &str = "HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n";

const OCTETS: &str = "Content-Type: application/offset+octet-stream\r\n";

const SEGMENT_LEN: usize = 4 << 20;

/// `sha256:HEX` as the value of metadata, without a crate for it: 71 bytes, so there is padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]);
            text.push(if place <= three.len() { letter } else { '=' });
        }
    }
    text
}

/// Begins an upload and gives its place.
fn begin(server: &Fixture, size: usize, name: Option<&Digest>) -> String {
    let reply = server.ask(&creation(size, name));
    assert_eq!(reply.status, 201, "{}{}", reply.head, reply.text());
    reply.field("Location").unwrap().to_owned()
}

fn creation(size: usize, name: Option<&Digest>) -> String {
    let metadata =
        name.map(|name| format!("Upload-Metadata: digest {}\r\n", base64(name.to_string().as_bytes())));
    format!(
        "POST /uploads {HEAD}Upload-Length: {size}\r\n{}Content-Length: 0\r\n\r\n",
        metadata.unwrap_or_default()
    )
}

/// The head of a request that sends `len` bytes.
fn patch_head(place: &str, offset: usize, len: usize) -> String {
    format!("PATCH {place} {HEAD}{OCTETS}Upload-Offset: {offset}\r\nContent-Length: {len}\r\n\r\n")
}

/// Sends what comes next.
fn patch(server: &Fixture, place: &str, offset: usize, bytes: &[u8]) -> Reply {
    let mut peer = server.connect();
    peer.say(&patch_head(place, offset, bytes.len()));
    peer.say_bytes(bytes);
    peer.reply()
}

fn look(server: &Fixture, place: &str) -> Reply {
    let mut peer = server.connect();
    peer.say(&format!("HEAD {place} {HEAD}\r\n"));
    peer.head()
}

/// Where the server says that an upload goes on.
fn offset(server: &Fixture, place: &str) -> usize {
    let reply = look(server, place);
    assert_eq!(reply.status, 200, "{}", reply.head);
    reached(&reply)
}

fn reached(reply: &Reply) -> usize {
    reply.field("Upload-Offset").unwrap().parse().unwrap()
}

#[track_caller]
fn assert_stored(server: &Fixture, reply: &Reply, name: &Digest, bytes: &[u8]) {
    assert_eq!(reply.status, 204, "{}{}", reply.head, reply.text());
    assert_eq!(reply.field("Location"), Some(format!("/blobs/{name}").as_str()));
    assert_eq!(reached(reply), bytes.len());
    assert_eq!(reply.field("Upload-Expires"), None, "a blob stays");
    assert!(server.ask(&format!("GET /blobs/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n")).body == bytes);
}

/// Waits until an upload is at `expected`: what its sender said a moment ago takes a moment to be taken in.
fn wait_for(server: &Fixture, place: &str, expected: usize) {
    while offset(server, place) != expected {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_spoken_is_told() {
    let server = Fixture::with(|options| options.blob_size_max = 12_345);
    for path in ["/uploads", "/uploads/00000000000000000000000000000000"] {
        let reply = server.ask(&format!("OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(reply.status, 204);
        assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"));
        assert_eq!(reply.field("Tus-Version"), Some("1.0.0"));
        assert_eq!(reply.field("Tus-Extension"), Some("creation,expiration,termination"));
        assert_eq!(reply.field("Tus-Max-Size"), Some("12345"));
    }
}

#[test]
fn a_blob_comes_in_pieces_and_is_there_with_the_last() {
    let server = Fixture::new();
    let bytes = pattern(2 * SEGMENT_LEN + 1_000_003);
    let name = digest(&bytes);
    let reply = server.ask(&creation(bytes.len(), Some(&name)));
    assert_eq!((reply.status, reply.field("Tus-Resumable")), (201, Some("1.0.0")));
    assert_eq!(reply.field("Upload-Offset"), None);
    let place = reply.field("Location").unwrap().to_owned();
    assert_eq!(place.len(), "/uploads/".len() + 32, "{place}");
    let mut sent = 0;
    // Within a segment, over its end, to its end, and over a whole one.
    for len in [1, 100_000, SEGMENT_LEN - 100_001, 10, SEGMENT_LEN + 100] {
        let reply = patch(&server, &place, sent, &bytes[sent..sent + len]);
        sent += len;
        assert_eq!((reply.status, reached(&reply)), (204, sent));
        assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"));
        assert!(reply.field("Upload-Expires").is_some());
        assert_eq!(reply.field("Location"), None);
        let reply = look(&server, &place);
        assert_eq!((reply.status, reached(&reply)), (200, sent));
        assert_eq!(reply.field("Upload-Length"), Some(bytes.len().to_string().as_str()));
        assert_eq!(reply.field("Cache-Control"), Some("no-store"));
        let metadata = format!("digest {}", base64(name.to_string().as_bytes()));
        assert_eq!(reply.field("Upload-Metadata"), Some(metadata.as_str()));
        assert!(!server.has(&name), "nothing is served before all of it is there");
    }
    let list = server.ask("GET /blobs HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(list.json()["blobs"], serde_json::json!([]));
    let reply = patch(&server, &place, sent, &bytes[sent..]);
    assert_stored(&server, &reply, &name, &bytes);
    // Who did not hear the answer is told again, and may not begin anew.
    let reply = look(&server, &place);
    assert_eq!((reply.status, reached(&reply)), (200, bytes.len()));
    assert_eq!(reply.field("Location"), Some(format!("/blobs/{name}").as_str()));
    assert_stored(&server, &patch(&server, &place, bytes.len(), b""), &name, &bytes);
    patch(&server, &place, 0, b"x").assert_problem(409, "wrong-offset");
}

#[test]
fn the_server_names_what_nobody_named() {
    let server = Fixture::new();
    let place = begin(&server, 5, None);
    assert_eq!(look(&server, &place).field("Upload-Metadata"), None);
    assert_stored(&server, &patch(&server, &place, 0, b"hello"), &digest(b"hello"), b"hello");
}

#[test]
fn a_blob_may_be_named_by_blake3() {
    let server = Fixture::new();
    let bytes = pattern(SEGMENT_LEN + 5);
    let name = digest_by(Algorithm::Blake3, &bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    assert_stored(&server, &patch(&server, &place, 0, &bytes), &name, &bytes);
}

#[test]
fn chunks_are_taken_as_well_and_many_small_pieces_on_one_connection() {
    let server = Fixture::new();
    let bytes = pattern(100_000);
    let name = digest(&bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    let mut peer = server.connect();
    let mut sent = 0;
    for piece in bytes.chunks(1000) {
        peer.say(&format!(
            "PATCH {place} {HEAD}{OCTETS}Upload-Offset: {sent}\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        for chunk in piece.chunks(301) {
            peer.say(&format!("{:x}\r\n", chunk.len()));
            peer.say_bytes(chunk);
            peer.say("\r\n");
        }
        peer.say("0\r\n\r\n");
        sent += piece.len();
        let reply = peer.reply();
        assert_eq!((reply.status, reached(&reply)), (204, sent));
    }
    assert!(server.has(&name));
}

#[test]
fn bytes_of_another_digest_are_no_blob_and_the_upload_is_gone() {
    let server = Fixture::new();
    let expected = digest(b"right");
    let place = begin(&server, 5, Some(&expected));
    let reply = patch(&server, &place, 0, b"wrong");
    let problem = reply.assert_problem(400, "digest-mismatch");
    assert_eq!(problem["expected"], expected.to_string());
    assert_eq!(problem["actual"], digest(b"wrong").to_string());
    assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"));
    assert_eq!(look(&server, &place).status, 404);
    assert!(!server.has(&expected) && !server.has(&digest(b"wrong")));
}

#[test]
fn a_blob_that_is_here_needs_no_bytes() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let before = files(server.root());
    let reply = server.ask(&creation(5, Some(&name)));
    assert_eq!((reply.status, reached(&reply)), (201, 5));
    let place = format!("/uploads/{name}");
    assert_eq!(reply.field("Location"), Some(place.as_str()));
    let told = look(&server, &place);
    assert_eq!((told.status, reached(&told)), (200, 5));
    assert_eq!(told.field("Location"), Some(format!("/blobs/{name}").as_str()));
    // There are clients that look no further than the place and begin to send.
    assert_stored(&server, &patch(&server, &place, 0, b"hello"), &name, b"hello");
    assert_stored(&server, &patch(&server, &place, 5, b""), &name, b"hello");
    assert_eq!(files(server.root()), before, "nothing was kept");
    let drop = format!("DELETE {place} {HEAD}\r\n");
    assert_eq!(server.ask(&drop).status, 204);
    assert!(server.has(&name), "a blob is not the upload's");
    server.ask(&format!("DELETE /blobs/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(look(&server, &place).status, 404);
    server.ask(&drop).assert_problem(404, "no-such-upload");
}

#[test]
fn a_blob_of_another_size_than_was_said_is_sent_and_refused() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let place = begin(&server, 6, Some(&name));
    patch(&server, &place, 0, b"hello!").assert_problem(400, "digest-mismatch");
    assert!(server.has(&name));
}

#[test]
fn an_empty_blob_is_stored_by_creating_it() {
    let server = Fixture::new();
    for name in [None, Some(digest(b"")), Some(digest_by(Algorithm::Blake3, b""))] {
        let reply = server.ask(&creation(0, name.as_ref()));
        assert_eq!((reply.status, reached(&reply)), (201, 0));
        let name = name.unwrap_or_else(|| digest(b""));
        assert!(server.has(&name));
        let told = look(&server, reply.field("Location").unwrap());
        assert_eq!(told.field("Location"), Some(format!("/blobs/{name}").as_str()));
    }
    server.ask(&creation(0, Some(&digest(b"x")))).assert_problem(400, "digest-mismatch");
}

#[test]
fn a_body_that_breaks_off_is_gone_on_with_where_it_did() {
    let server = Fixture::new();
    let bytes = pattern(SEGMENT_LEN + 2_000_000);
    let name = digest(&bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    let mut sent = 0;
    for cut in [1_234_567, SEGMENT_LEN - 1, SEGMENT_LEN, SEGMENT_LEN + 1_000_001] {
        let mut peer = server.connect();
        peer.say(&patch_head(&place, sent, bytes.len() - sent));
        peer.say_bytes(&bytes[sent..cut]);
        peer.finish();
        peer.assert_closed();
        sent = cut;
        assert_eq!(offset(&server, &place), sent);
    }
    // In the middle of a chunk, too.
    let mut peer = server.connect();
    peer.say(&format!(
        "PATCH {place} {HEAD}{OCTETS}Upload-Offset: {sent}\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nabc"
    ));
    peer.finish();
    peer.assert_closed();
    assert_eq!(offset(&server, &place), sent + 3);
    assert!(!server.has(&name));
}

#[test]
fn a_body_that_is_too_slow_is_gone_on_with_where_it_ended() {
    let server = Fixture::with(|options| options.deadlines.body = Duration::from_millis(300));
    let bytes = pattern(100);
    let name = digest(&bytes);
    let place = begin(&server, 100, Some(&name));
    let mut peer = server.connect();
    peer.say(&patch_head(&place, 0, 100));
    peer.say_bytes(&bytes[..40]);
    peer.reply().assert_problem(408, "slow-body");
    assert_eq!(offset(&server, &place), 40);
    assert_stored(&server, &patch(&server, &place, 40, &bytes[40..]), &name, &bytes);
}

#[test]
fn another_server_over_the_store_goes_on_at_the_last_whole_segment() {
    let mut server = Fixture::new();
    let bytes = pattern(2 * SEGMENT_LEN);
    let name = digest(&bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    let sent = SEGMENT_LEN + 2_000_000;
    assert_eq!(patch(&server, &place, 0, &bytes[..sent]).status, 204);
    assert_eq!(offset(&server, &place), sent);
    server.control.stop();
    server.ended().unwrap();
    let server = server.again(|_| {});
    let reply = patch(&server, &place, sent, &bytes[sent..]);
    let problem = reply.assert_problem(409, "wrong-offset");
    assert_eq!((reached(&reply), &problem["offset"]), (SEGMENT_LEN, &SEGMENT_LEN.into()));
    assert_eq!(offset(&server, &place), SEGMENT_LEN);
    assert_stored(&server, &patch(&server, &place, SEGMENT_LEN, &bytes[SEGMENT_LEN..]), &name, &bytes);
}

#[test]
fn whoever_comes_later_takes_the_segment_over() {
    let server = Fixture::new();
    let bytes = pattern(SEGMENT_LEN);
    let name = digest(&bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    assert_eq!(patch(&server, &place, 0, &bytes[..1000]).status, 204);
    let mut first = server.connect();
    first.say(&patch_head(&place, 1000, bytes.len() - 1000));
    first.say_bytes(&bytes[1000..2000]);
    // What it received is its own now, so the upload begins before it.
    wait_for(&server, &place, 0);
    assert_stored(&server, &patch(&server, &place, 0, &bytes), &name, &bytes);
    first.say_bytes(&bytes[2000..3000]);
    first.reply().assert_problem(409, "taken-over");
}

#[test]
fn whoever_comes_between_two_segments_takes_the_rest_over() {
    let server = Fixture::new();
    let bytes = pattern(2 * SEGMENT_LEN);
    let name = digest(&bytes);
    let place = begin(&server, bytes.len(), Some(&name));
    let mut first = server.connect();
    first.say(&patch_head(&place, 0, bytes.len()));
    first.say_bytes(&bytes[..SEGMENT_LEN]);
    wait_for(&server, &place, SEGMENT_LEN);
    let go_on = || patch(&server, &place, SEGMENT_LEN, &bytes[SEGMENT_LEN..]);
    let mut reply = go_on();
    // The first may be about to begin the next segment, and be the later one by that: once, since nothing more comes of it.
    if reply.status == 409 {
        reply = go_on();
    }
    assert_stored(&server, &reply, &name, &bytes);
    first.say_bytes(&bytes[SEGMENT_LEN..SEGMENT_LEN + 1]);
    first.reply().assert_problem(409, "taken-over");
}

#[test]
fn an_upload_that_is_dropped_is_gone_for_all() {
    let server = Fixture::new();
    let before = files(server.root());
    let place = begin(&server, 1000, None);
    assert_eq!(patch(&server, &place, 0, &[0; 10]).status, 204);
    let mut sender = server.connect();
    sender.say(&patch_head(&place, 10, 990));
    sender.say_bytes(&[0; 10]);
    wait_for(&server, &place, 0);
    let drop = format!("DELETE {place} {HEAD}\r\n");
    let reply = server.ask(&drop);
    assert_eq!((reply.status, reply.field("Tus-Resumable")), (204, Some("1.0.0")));
    sender.say_bytes(&[0; 10]);
    sender.reply().assert_problem(409, "taken-over");
    let reply = server.ask(&drop);
    reply.assert_problem(404, "no-such-upload");
    assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"));
    assert_eq!(look(&server, &place).status, 404);
    patch(&server, &place, 0, b"x").assert_problem(404, "no-such-upload");
    assert_eq!(files(server.root()), before);
}

#[test]
fn an_upload_that_nobody_goes_on_with_expires_when_it_was_said_to() {
    let server = Fixture::with(|options| options.upload_expiry = Duration::from_secs(1));
    let before = files(server.root());
    let asked = SystemTime::now();
    let reply = server.ask(&creation(10, None));
    let expires = httpdate::parse_http_date(reply.field("Upload-Expires").unwrap()).unwrap();
    let kept = expires.duration_since(asked).unwrap();
    assert!(kept < Duration::from_secs(30), "{kept:?}");
    while files(server.root()) != before {
        std::thread::yield_now();
    }
    assert_eq!(look(&server, reply.field("Location").unwrap()).status, 404);
}

#[test]
fn what_reaches_behind_the_end_is_refused_and_what_came_before_it_counts() {
    let server = Fixture::new();
    let place = begin(&server, 10, None);
    let problem = patch(&server, &place, 0, &[0; 11]).assert_problem(413, "past-the-end");
    assert_eq!(problem["size"], 10);
    assert_eq!(offset(&server, &place), 0);
    let mut peer = server.connect();
    peer.say(&format!("PATCH {place} {HEAD}{OCTETS}Upload-Offset: 0\r\nTransfer-Encoding: chunked\r\n\r\n"));
    peer.say("a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n");
    peer.reply().assert_problem(413, "past-the-end");
    let name = digest(b"0123456789");
    assert!(!server.has(&name), "the message was not what it should be");
    // All of it is here, and whoever asks has it made a blob.
    let reply = look(&server, &place);
    assert_eq!(reached(&reply), 10);
    assert_eq!(reply.field("Location"), Some(format!("/blobs/{name}").as_str()));
    assert!(server.has(&name));
}

#[test]
fn who_waits_to_be_told_is_told_once_the_offset_is_right() {
    let server = Fixture::new();
    let place = begin(&server, 5, None);
    let asking = |peer: &mut Peer, offset: u64, len: u64| {
        peer.say(&format!(
            "PATCH {place} {HEAD}{OCTETS}Upload-Offset: {offset}\r\nContent-Length: {len}\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
    };
    for (offset, len, problem, status) in [(1, 4, "wrong-offset", 409), (0, 6, "past-the-end", 413)] {
        let mut peer = server.connect();
        asking(&mut peer, offset, len);
        peer.reply().assert_problem(status, problem);
    }
    let mut peer = server.connect();
    asking(&mut peer, 0, 5);
    assert_eq!(peer.head().status, 100);
    peer.say("hello");
    assert_stored(&server, &peer.reply(), &digest(b"hello"), b"hello");
}

#[test]
fn what_is_asked_in_a_wrong_way_is_refused_by_name() {
    let server = Fixture::with(|options| options.blob_size_max = 1000);
    let place = begin(&server, 100, None);
    let unknown = "/uploads/00112233445566778899aabbccddeeff";
    let long = "/uploads/00112233445566778899AABBCCDDEEFF";
    let offset = "Upload-Offset: 0\r\nContent-Length: 0\r\n";
    let host = "HTTP/1.1\r\nHost: localhost\r\n";
    for (request, status, problem) in [
        (format!("POST /uploads {host}Upload-Length: 1\r\n"), 412, "unknown-tus-version"),
        (
            format!("POST /uploads {host}Tus-Resumable: 0.2.2\r\nUpload-Length: 1\r\n"),
            412,
            "unknown-tus-version",
        ),
        (format!("PATCH {place} {host}{OCTETS}{offset}"), 412, "unknown-tus-version"),
        (format!("DELETE {place} {host}"), 412, "unknown-tus-version"),
        (format!("POST /uploads {HEAD}"), 400, "bad-upload-field"),
        (format!("POST /uploads {HEAD}Upload-Length: -1\r\n"), 400, "bad-upload-field"),
        (format!("POST /uploads {HEAD}Upload-Length: 1\r\nUpload-Length: 1\r\n"), 400, "repeated-field"),
        (format!("POST /uploads {HEAD}Upload-Defer-Length: 1\r\n"), 400, "bad-upload-field"),
        (
            format!("POST /uploads {HEAD}Upload-Length: 1\r\nUpload-Metadata: a b c\r\n"),
            400,
            "bad-upload-field",
        ),
        (
            format!("POST /uploads {HEAD}Upload-Length: 1\r\nUpload-Metadata: digest YQ==\r\n"),
            400,
            "bad-digest",
        ),
        (format!("POST /uploads {HEAD}Upload-Length: 1\r\nUpload-Metadata: digest\r\n"), 400, "bad-digest"),
        (
            format!("POST /uploads {HEAD}Upload-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "bad-upload-field",
        ),
        (format!("POST /uploads {HEAD}Upload-Length: 1001\r\n"), 413, "too-large"),
        (format!("GET /uploads {HEAD}"), 405, "method-not-allowed"),
        (format!("GET {place} {HEAD}"), 405, "method-not-allowed"),
        (format!("PUT {place} {HEAD}Content-Length: 0\r\n"), 405, "method-not-allowed"),
        (format!("PATCH {place} {HEAD}{offset}"), 415, "not-offset-octets"),
        (format!("PATCH {place} {HEAD}Content-Type: text/plain\r\n{offset}"), 415, "not-offset-octets"),
        (format!("PATCH {place} {HEAD}{OCTETS}Content-Length: 0\r\n"), 400, "bad-upload-field"),
        (
            format!("PATCH {place} {HEAD}{OCTETS}Upload-Offset: x\r\nContent-Length: 0\r\n"),
            400,
            "bad-upload-field",
        ),
        (format!("PATCH {place} {HEAD}{OCTETS}Upload-Offset: 0\r\n"), 411, "needs-length"),
        (
            format!("PATCH {place} {HEAD}{OCTETS}Upload-Offset: 1\r\nContent-Length: 0\r\n"),
            409,
            "wrong-offset",
        ),
        (format!("PATCH {unknown} {HEAD}{OCTETS}{offset}"), 404, "no-such-upload"),
        (format!("DELETE {unknown} {HEAD}"), 404, "no-such-upload"),
        (format!("DELETE {long} {HEAD}"), 404, "no-such-path"),
        (format!("DELETE /uploads/../blobs {HEAD}"), 404, "no-such-path"),
    ] {
        let reply = server.ask(&format!("{request}\r\n"));
        reply.assert_problem(status, problem);
        assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"), "{request}");
        assert_eq!(reply.field("Tus-Version").is_some(), status == 412, "{request}");
    }
    let reply = server.ask(&format!("GET {place} {HEAD}\r\n"));
    assert_eq!(reply.field("Allow"), Some("OPTIONS, HEAD, PATCH, DELETE"));
    // Outside of the door nobody speaks its protocol.
    let reply = server.ask("GET /uploadsx HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((reply.status, reply.field("Tus-Resumable")), (404, None));
}

#[test]
fn metadata_that_means_nothing_here_is_no_mistake() {
    let server = Fixture::new();
    for metadata in ["", "filename YS5pc28=,is_confidential", "Digest YQ=="] {
        let request = format!(
            "POST /uploads {HEAD}Upload-Length: 1\r\nUpload-Metadata: {metadata}\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(server.ask(&request).status, 201, "{metadata:?}");
    }
}

#[test]
fn uploads_are_for_those_who_may_write() {
    let (read, write) = ("0".repeat(32), "1".repeat(32));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "read {read}
write {write}"
    )
    .unwrap();
    let tokens = aqueduct_server::Tokens::load(file.path()).unwrap();
    let server = Fixture::with(|options| options.tokens = Some(tokens));
    let ask = |token: &str, request: &str| {
        server.ask(&request.replace("\r\n\r\n", &format!("\r\nAuthorization: Bearer {token}\r\n\r\n")))
    };
    let place = ask(&write, &creation(5, None)).field("Location").unwrap().to_owned();
    for request in [
        creation(5, None),
        patch_head(&place, 0, 0),
        format!("DELETE {place} {HEAD}\r\n"),
        format!("OPTIONS /uploads {HEAD}\r\n"),
    ] {
        let reply = server.ask(&request);
        reply.assert_problem(401, "needs-token");
        assert_eq!(reply.field("Tus-Resumable"), Some("1.0.0"));
        ask(&read, &request).assert_problem(403, "needs-write-token");
        assert!((200..300).contains(&ask(&write, &request).status), "{request}");
    }
}
