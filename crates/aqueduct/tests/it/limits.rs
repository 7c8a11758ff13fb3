//! What a server is told not to take more of.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

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

#[test]
fn limits_that_allow_nothing_are_refused() {
    for limit in [["--max-connections", "0"], ["--max-requests", "0"], ["--min-rate", "fast"]] {
        let ran = crate::fixture::Ran::of(crate::fixture::aqueduct().arg("serve").args(limit));
        assert_eq!(ran.code, Some(2), "{limit:?}");
    }
}
