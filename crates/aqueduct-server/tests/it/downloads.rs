//! Blobs on their way out.

use crate::fixture::{Fixture, Peer, Reply, SMALL, digest, pattern};

const HOST: &str = "Host: localhost\r\n";

/// Larger than what is kept in memory, and than a turn.
const LARGE: usize = (5 << 20) + 17;

fn get(peer: &mut Peer, name: impl std::fmt::Display, fields: &str) -> crate::fixture::Reply {
    peer.say(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}{fields}\r\n"));
    peer.reply()
}

#[test]
fn a_blob_comes_with_everything_that_is_true_of_it() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let mut peer = server.connect();
    let reply = get(&mut peer, name, "");
    assert_eq!((reply.status, &reply.body[..]), (200, &b"hello"[..]));
    let hex = name.hex();
    for (field, value) in [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", "5"),
        ("ETag", &format!("\"sha256:{hex}\"")),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "public, max-age=31536000, immutable"),
        ("Repr-Digest", "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("Content-Disposition", &format!("attachment; filename=\"sha256-{hex}\"")),
    ] {
        assert_eq!(reply.field(field), Some(value), "{field}");
    }
    assert!(reply.field("Date").unwrap().ends_with(" GMT"));
}

#[test]
fn head_answers_as_get_does_without_the_body() {
    let server = Fixture::new();
    let (small, large) = (server.put(b"hello"), server.put(&pattern(LARGE)));
    let mut peer = server.connect();
    for name in [small, large] {
        let whole = get(&mut peer, name, "");
        peer.say(&format!("HEAD /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        let head = peer.head();
        let without_date = |head: &str| {
            head.lines().filter(|line| !line.starts_with("Date")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(without_date(&head.head), without_date(&whole.head));
    }
    let absent = digest(b"absent");
    peer.say(&format!("HEAD /blobs/{absent} HTTP/1.1\r\n{HOST}\r\n"));
    let head = peer.head();
    assert_eq!(head.status, 404);
    assert!(head.field("Content-Length").unwrap().parse::<u64>().unwrap() > 0, "what GET would have");
    assert_eq!(get(&mut peer, small, "").status, 200, "and nothing followed it");
}

#[test]
fn an_absent_blob_is_a_problem_with_its_name() {
    let server = Fixture::new();
    let absent = digest(b"absent");
    let problem = get(&mut server.connect(), absent, "").assert_problem(404, "absent");
    assert_eq!(problem["digest"], absent.to_string());
}

#[test]
fn a_range_is_cut_out_of_small_and_large_blobs_alike() {
    let server = Fixture::new();
    for bytes in [pattern(1000), pattern(LARGE)] {
        let name = server.put(&bytes);
        let size = bytes.len();
        let mut peer = server.connect();
        for (range, begin, end) in [
            ("0-0", 0, 1),
            ("10-99", 10, 100),
            ("500-", 500, size),
            ("-7", size - 7, size),
            ("990-99999999999999999999999", 990, size),
        ] {
            let reply = get(&mut peer, name, &format!("Range: bytes={range}\r\n"));
            assert_eq!(reply.status, 206, "{range}");
            assert_eq!(
                reply.field("Content-Range"),
                Some(format!("bytes {begin}-{}/{size}", end - 1).as_str())
            );
            assert!(reply.body == bytes[begin..end], "{range}");
        }
        let reply = get(&mut peer, name, &format!("Range: bytes={size}-\r\n"));
        let problem = reply.assert_problem(416, "range-not-satisfiable");
        assert_eq!(problem["size"], size);
        assert_eq!(reply.field("Content-Range"), Some(format!("bytes */{size}").as_str()));
        for ignored in ["bytes=", "bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=0-,0-"] {
            let reply = get(&mut peer, name, &format!("Range: {ignored}\r\n"));
            assert_eq!((reply.status, reply.body.len()), (200, size), "{ignored}");
        }
    }
}

#[test]
fn several_ranges_come_as_parts_of_one_body() {
    let server = Fixture::new();
    for bytes in [pattern(1000), pattern(LARGE)] {
        let name = server.put(&bytes);
        let reply = get(&mut server.connect(), name, "Range: bytes=0-4, 100-199,-3\r\n");
        assert_eq!(reply.status, 206);
        let boundary =
            reply.field("Content-Type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
        let size = bytes.len();
        let mut expected = Vec::new();
        for (begin, end) in [(0, 5), (100, 200), (size - 3, size)] {
            let separator = if expected.is_empty() { "" } else { "\r\n" };
            expected.extend_from_slice(
                format!(
                    "{separator}--{boundary}\r\nContent-Type: application/octet-stream\r\n\
                     Content-Range: bytes {begin}-{}/{size}\r\n\r\n",
                    end - 1
                )
                .as_bytes(),
            );
            expected.extend_from_slice(&bytes[begin..end]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(reply.body == expected, "{}", String::from_utf8_lossy(&reply.body[..200]));
    }
}

#[test]
fn requests_in_one_piece_are_answered_in_order() {
    let server = Fixture::new();
    let names: Vec<_> = (0..20_u8).map(|number| server.put(&[number; 100])).collect();
    let large = server.put(&pattern(LARGE));
    let mut peer = server.connect();
    let mut said = String::new();
    for name in &names {
        said.push_str(&format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
        said.push_str(&format!("GET /blobs/{large} HTTP/1.1\r\n{HOST}Range: bytes=-10\r\n\r\n"));
    }
    peer.say(&said);
    for number in 0..20_u8 {
        assert_eq!(peer.reply().body, [number; 100]);
        assert!(peer.reply().body == pattern(LARGE)[LARGE - 10..]);
    }
}

#[test]
fn what_is_in_memory_is_answered_in_order_and_with_the_same_head() {
    let server = Fixture::new();
    let names: Vec<_> = (0..50_u8).map(|number| server.put(&[number; 5000])).collect();
    let mut peer = server.connect();
    let undated = |reply: &Reply| {
        let lines = reply.head.lines().filter(|line| !line.starts_with("Date: ")).map(str::to_owned);
        assert!(reply.field("Date").is_some());
        lines.collect::<Vec<_>>()
    };
    // From a file, and then twice from memory.
    let heads: Vec<_> = names.iter().map(|&name| undated(&get(&mut peer, name, ""))).collect();
    let all =
        names.iter().map(|name| format!("GET /blobs/{name} HTTP/1.1\r\n{HOST}\r\n")).collect::<String>();
    for _ in 0..2 {
        peer.say(&all);
        for (number, head) in (0..50_u8).zip(&heads) {
            let reply = peer.reply();
            assert!(reply.body == [number; 5000]);
            assert_eq!(undated(&reply), *head);
        }
    }
    peer.say(&format!("{all}GET /blobs/{} HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n", names[0]));
    for number in 0..50_u8 {
        assert!(peer.reply().body == [number; 5000]);
    }
    assert_eq!(peer.reply().field("Connection"), Some("close"));
    peer.finish();
    peer.assert_closed();
}

#[test]
fn a_reader_that_takes_little_at_a_time_gets_everything() {
    let server = Fixture::new();
    let bytes = pattern(LARGE);
    let name = server.put(&bytes);
    let mut peer = server.connect();
    rustix::net::sockopt::set_socket_recv_buffer_size(&peer.stream, SMALL).unwrap();
    assert!(get(&mut peer, name, "").body == bytes);
}

#[test]
fn what_is_read_from_the_disk_on_the_way_comes_whole_and_leaves_the_connection_as_it_was() {
    let bytes = pattern(LARGE);
    for route in aqueduct_flow::SendRoute::ALL {
        let server = Fixture::with(|options| options.send_route = route);
        let name = server.put(&bytes);
        let mut peer = server.connect();
        rustix::net::sockopt::set_socket_recv_buffer_size(&peer.stream, SMALL).unwrap();
        server.cool(&name);
        assert!(get(&mut peer, name, "").body == bytes, "{route}");
        server.cool(&name);
        assert!(get(&mut peer, name, "Range: bytes=3000000-\r\n").body == bytes[3_000_000..], "{route}");
        server.cool(&name);
        let parts = get(&mut peer, name, "Range: bytes=0-2999999,4000000-4999999\r\n");
        assert_eq!(parts.status, 206, "{route}");
        let mut rest = &parts.body[..];
        for part in [&bytes[..3_000_000], &bytes[4_000_000..5_000_000]] {
            let head_len = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            assert!(rest[head_len..].starts_with(part), "{route}");
            rest = &rest[head_len + part.len()..];
        }
        assert!(get(&mut peer, name, "").body == bytes, "{route}");
    }
}

#[test]
fn a_removed_blob_is_gone_from_memory_too() {
    let server = Fixture::new();
    for bytes in [b"small".to_vec(), pattern(LARGE)] {
        let name = server.put(&bytes);
        let mut peer = server.connect();
        assert_eq!(get(&mut peer, name, "").status, 200);
        assert_eq!(get(&mut peer, name, "").status, 200);
        for status in [204, 404] {
            peer.say(&format!("DELETE /blobs/{name} HTTP/1.1\r\n{HOST}\r\n"));
            assert_eq!(peer.reply().status, status);
        }
        assert_eq!(get(&mut peer, name, "").status, 404);
        assert_eq!(removed_count(&server), 0, "its space is free");
        server.put(&bytes);
        assert_eq!(get(&mut peer, name, "").status, 200);
    }
}

/// How many files of the store are open although they were removed. Staged ones have no name either.
fn removed_count(server: &Fixture) -> usize {
    let blobs = server.root().join("blobs");
    let links = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().path().read_link().ok())
        .filter(|link| link.starts_with(&blobs) && link.to_str().unwrap().ends_with(" (deleted)"));
    links.count()
}

#[test]
fn a_small_blob_that_rotted_is_never_served() {
    let server = Fixture::new();
    let name = server.put(b"as it should be");
    let hex = name.hex();
    let path = server.root().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"as it never was").unwrap();
    let mut peer = server.connect();
    get(&mut peer, name, "").assert_problem(404, "absent");
    assert!(!path.exists(), "it went to quarantine");
    server.put(b"as it should be");
    assert_eq!(get(&mut peer, name, "").body, b"as it should be");
}

#[test]
fn an_old_client_gets_one_answer_and_the_end() {
    let server = Fixture::new();
    let name = server.put(b"hello");
    let mut peer = server.connect();
    peer.say(&format!("GET /blobs/{name} HTTP/1.0\r\n\r\n"));
    let reply = peer.reply();
    assert_eq!((reply.status, reply.field("Connection")), (200, Some("close")));
    peer.finish();
    peer.assert_closed();
    let mut peer = server.connect();
    for _ in 0..2 {
        peer.say(&format!("GET /blobs/{name} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        assert_eq!(peer.reply().field("Connection"), Some("keep-alive"));
    }
}
