//! Blobs and action results that come and leave coded with zstd, and bodies that only say so.

use std::iter;

use crate::fixture::{Fixture, Peer, Reply, digest, files};

const HOST: &str = "Host: localhost\r\n";

const ACCEPTS: &str = "Accept-Encoding: zstd\r\n";

fn cas(bytes: &[u8]) -> String {
    format!("/inst/cas/{}", digest(bytes).hex())
}

fn coded(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

/// Text that shrinks.
fn text(len: usize) -> Vec<u8> {
    (0_u64..).flat_map(|n| format!("{} bottles\n", n * n % 977).into_bytes()).take(len).collect()
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Vec<u8> {
    let digests = (0_u64..).flat_map(|number| *digest(&number.to_be_bytes()).as_bytes());
    digests.take(len).collect()
}

/// Puts a body that says that it is coded.
fn put_coded(server: &Fixture, path: &str, fields: &str, body: &[u8]) -> Reply {
    let mut peer = server.connect();
    say_put(&mut peer, path, fields, body.len());
    peer.say_bytes(body);
    peer.reply()
}

fn say_put(peer: &mut Peer, path: &str, fields: &str, len: usize) {
    peer.say(&format!(
        "PUT {path} HTTP/1.1\r\n{HOST}Content-Encoding: zstd\r\n{fields}Content-Length: {len}\r\n\r\n"
    ));
}

fn get(peer: &mut Peer, path: &str, fields: &str) -> Reply {
    peer.say(&format!("GET {path} HTTP/1.1\r\n{HOST}{fields}\r\n"));
    let mut reply = peer.head();
    reply.body = match reply.field("Content-Length") {
        Some(len) => peer.take(len.parse().unwrap()),
        None => {
            assert_eq!(reply.field("Transfer-Encoding"), Some("chunked"));
            iter::from_fn(|| chunk(peer)).flatten().collect()
        }
    };
    reply
}

/// The next chunk of a body; `None` is its end.
fn chunk(peer: &mut Peer) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n") {
        head.extend(peer.take(1));
    }
    let len = usize::from_str_radix(str::from_utf8(&head).unwrap().trim(), 16).unwrap();
    let bytes = peer.take(len);
    assert_eq!(peer.take(2), b"\r\n");
    (len > 0).then_some(bytes)
}

fn decoded(body: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(body).unwrap()
}

#[test]
fn a_blob_that_comes_coded_is_stored_plain() {
    let server = Fixture::new();
    for len in [0, 1, 3000, 70_000, 3_000_000] {
        for (bytes, fields) in [(text(len), ""), (noise(len + 1), "X-Digest-SizeBytes: ?\r\n")] {
            let fields = fields.replace('?', &bytes.len().to_string());
            let reply = put_coded(&server, &cas(&bytes), &fields, &coded(&bytes));
            assert_eq!(reply.status, 201, "{len} {}", reply.text());
            assert_eq!(get(&mut server.connect(), &cas(&bytes), "").body, bytes, "{len}");
            assert_eq!(put_coded(&server, &cas(&bytes), &fields, &coded(&bytes)).status, 200);
        }
    }
}

#[test]
fn a_blob_that_comes_coded_may_come_in_any_pieces() {
    let server = Fixture::new();
    let bytes = text(200_000);
    let body = coded(&bytes);
    let mut peer = server.connect();
    // In chunks, and in packets that end where chunks do not.
    peer.say(&format!(
        "PUT {} HTTP/1.1\r\n{HOST}Content-Encoding: zstd\r\nTransfer-Encoding: chunked\r\n\r\n",
        cas(&bytes)
    ));
    let chunks =
        body.chunks(701).map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    let framed = [chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat();
    for packet in framed.chunks(997) {
        peer.say_bytes(packet);
    }
    assert_eq!(peer.reply().status, 201);
    assert_eq!(get(&mut peer, &cas(&bytes), "").body, bytes, "and the connection goes on");
}

#[test]
fn a_blob_leaves_coded_for_those_who_name_the_coding() {
    let server = Fixture::new();
    let mut peer = server.connect();
    for len in [4 << 10, 60_000, 300_000, 2_000_000] {
        let bytes = text(len);
        server.put(&bytes);
        for _ in 0..2 {
            let reply = get(&mut peer, &cas(&bytes), ACCEPTS);
            assert_eq!(reply.status, 200);
            assert_eq!(reply.field("Content-Encoding"), Some("zstd"), "{len}");
            assert_eq!(reply.field("Vary"), Some("Accept-Encoding"));
            assert_eq!(reply.field("ETag"), Some(&*format!("W/\"{}\"", digest(&bytes))));
            assert_eq!(reply.field("Repr-Digest"), None, "that would be one of the coded bytes");
            assert!(reply.body.len() < len / 2, "{len}");
            assert_eq!(decoded(&reply.body), bytes);
            let plain = get(&mut peer, &cas(&bytes), "");
            assert_eq!(plain.field("Content-Encoding"), None);
            assert_eq!(plain.field("ETag"), Some(&*format!("\"{}\"", digest(&bytes))));
            assert!(plain.body == bytes);
        }
    }
}

#[test]
fn a_blob_leaves_as_it_is_where_that_is_better() {
    let server = Fixture::new();
    let mut peer = server.connect();
    let (large, small, noise) = (text(300_000), text(4000), noise(300_000));
    for bytes in [&large, &small, &noise] {
        server.put(bytes);
    }
    let plain = |reply: &Reply| reply.field("Content-Encoding").is_none();
    for fields in ["", "Accept-Encoding: gzip, *\r\n", "Accept-Encoding: zstd;q=0\r\n"] {
        let reply = get(&mut peer, &cas(&large), fields);
        assert!(plain(&reply) && reply.body == large, "{fields}");
    }
    for bytes in [&small, &noise] {
        let reply = get(&mut peer, &cas(bytes), ACCEPTS);
        assert!(plain(&reply) && reply.body == *bytes);
    }
    let part = get(&mut peer, &cas(&large), &format!("{ACCEPTS}Range: bytes=100-199\r\n"));
    assert!(plain(&part) && part.status == 206 && part.body == large[100..200]);
    let unmodified = format!("{ACCEPTS}If-None-Match: W/\"{}\"\r\n", digest(&large));
    peer.say(&format!("GET {} HTTP/1.1\r\n{HOST}{unmodified}\r\n", cas(&large)));
    assert_eq!(peer.head().status, 304);
    peer.say(&format!("HEAD {} HTTP/1.1\r\n{HOST}{ACCEPTS}\r\n", cas(&large)));
    let head = peer.head();
    assert!(plain(&head) && head.field("Content-Length") == Some("300000"));
    // The blobs door knows no codings.
    let reply = get(&mut peer, &format!("/blobs/{}", digest(&large)), ACCEPTS);
    assert!(plain(&reply) && reply.body == large);
    // HTTP/1.0 knows no chunks.
    peer.say(&format!("GET {} HTTP/1.0\r\n{ACCEPTS}\r\n", cas(&large)));
    assert!(plain(&peer.reply()));
}

#[test]
fn a_coded_body_that_is_not_what_it_says_stores_nothing() {
    let server = Fixture::with(|options| options.blob_size_max = 1 << 20);
    let before = files(server.root());
    let bytes = text(100_000);
    let good = coded(&bytes);
    let path = cas(&bytes);
    let bad = |fields: &str, body: &[u8], status, name| {
        put_coded(&server, &path, fields, body).assert_problem(status, name);
    };
    bad("", b"", 400, "bad-coding");
    bad("", b"plain", 400, "bad-coding");
    bad("", &good[..good.len() - 1], 400, "bad-coding");
    bad("", &[&good[..], b"and more"].concat(), 400, "bad-coding");
    bad("X-Digest-SizeBytes: 99999\r\n", &good, 400, "bad-coding");
    bad("X-Digest-SizeBytes: 100001\r\n", &good, 400, "bad-coding");
    bad("X-Digest-SizeBytes: many\r\n", &good, 400, "bad-coding");
    bad("X-Digest-SizeBytes: 2000000\r\n", &good, 413, "too-large");
    bad("", &coded(&vec![0; 2 << 20]), 413, "too-large");
    bad("", &coded(b"other bytes"), 400, "digest-mismatch");
    for coding in ["gzip", "zstd, zstd", "gzip, zstd"] {
        let mut peer = server.connect();
        peer.say(&format!(
            "PUT {path} HTTP/1.1\r\n{HOST}Content-Encoding: {coding}\r\nContent-Length: 1\r\n\r\nx"
        ));
        peer.reply().assert_problem(415, "unknown-coding");
    }
    assert_eq!(files(server.root()), before);
    assert_eq!(put_coded(&server, &path, "X-Digest-SizeBytes: 100000\r\n", &good).status, 201);
}

#[test]
fn a_coded_body_that_was_refused_leaves_the_connection_in_step() {
    let server = Fixture::new();
    let bytes = text(1000);
    let mut peer = server.connect();
    let garbage = vec![b'x'; 100_000];
    say_put(&mut peer, &cas(&bytes), "", garbage.len());
    peer.say_bytes(&garbage);
    peer.reply().assert_problem(400, "bad-coding");
    say_put(&mut peer, &cas(&bytes), "", coded(&bytes).len());
    peer.say_bytes(&coded(&bytes));
    assert_eq!(peer.reply().status, 201);
}

#[test]
fn an_action_result_may_come_coded() {
    let server = Fixture::new();
    let path = format!("/inst/ac/{}", digest(b"action").hex());
    // exit_code 1
    let result = [4 << 3, 1];
    assert_eq!(put_coded(&server, &path, "", &coded(&result)).status, 201);
    assert_eq!(get(&mut server.connect(), &path, ACCEPTS).body, result);
    put_coded(&server, &path, "", &result).assert_problem(400, "bad-coding");
    put_coded(&server, &path, "", &coded(&vec![b'a'; 20 << 20])).assert_problem(413, "too-large");
}
