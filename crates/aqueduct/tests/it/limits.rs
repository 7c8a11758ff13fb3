//! What a server is told not to take more of.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::fixture::Site;
use crate::server::Server;

/// What a server answers to a question after which nothing is asked.
fn health(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_server_takes_no_more_connections_than_it_is_told_to() {
    for flag in ["--max-connections", "--max-connections-per-address"] {
        let site = Site::new();
        let limits = ["--max-requests", "9", "--min-rate", "4KiB", flag, "1"];
        let server = Server::start_with(&site, &limits);
        // Once it is answered, its place is taken.
        let mut first = TcpStream::connect(server.address()).unwrap();
        first.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        first.read_exact(&mut [0; 1]).unwrap();
        let refused = health(&mut TcpStream::connect(server.address()).unwrap());
        assert!(
            refused.starts_with("HTTP/1.1 503 ") && refused.contains("too-many-connections"),
            "{refused}"
        );
        first.shutdown(Shutdown::Both).unwrap();
        let is_served = |_| health(&mut TcpStream::connect(server.address()).unwrap()).contains(" 200 ");
        assert!((0..10_000).any(is_served), "there is room again");
    }
}

/// Each arena keeps what it has from the kernel, and lends it to no thread of another one.
#[test]
fn a_server_has_no_more_arenas_than_cores() {
    let site = Site::new();
    let server = Server::start(&site);
    let arena_count = || {
        let maps = fs::read_to_string(format!("/proc/{}/maps", server.pid())).unwrap();
        maps.lines().filter(|line| is_arena(line)).count()
    };
    let core_count = thread::available_parallelism().unwrap().get();
    // Each makes a thread of the crew begin, and some memory be asked for there.
    let _open: Vec<_> = (0..32)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream
                .write_all(b"POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n")
                .unwrap();
            stream.write_all(&[0; 9999]).unwrap();
            stream
        })
        .collect();
    let _ = health(&mut TcpStream::connect(server.address()).unwrap());
    assert!(arena_count() <= core_count, "{} arenas for {core_count} cores", arena_count());
}

/// Whether a line of proc_pid_maps(5) is where an arena of glibc begins, but for the first, which is the heap: they are aligned
/// to what one takes of addresses.
fn is_arena(line: &str) -> bool {
    let (start, rest) = line.split_once('-').unwrap();
    let start = u64::from_str_radix(start, 16).unwrap();
    start.is_multiple_of(64 << 20) && rest.contains(" rw-p 00000000 00:00 0") && !rest.contains(['[', '/'])
}

#[test]
fn limits_that_allow_nothing_are_refused() {
    for limit in [["--max-connections", "0"], ["--max-requests", "0"], ["--min-rate", "fast"]] {
        let ran = crate::fixture::Ran::of(crate::fixture::aqueduct().arg("serve").args(limit));
        assert_eq!(ran.code, Some(2), "{limit:?}");
    }
}
