#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::{Stream, parse_size};

#[test]
fn only_a_whole_answer_has_a_size() {
    assert_eq!(parse_size("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 7"), Some(7));
    for head in ["HTTP/1.1 404 Not Found\r\nContent-Length: 7", "HTTP/1.1 200 OK\r\nServer: x", ""] {
        assert_eq!(parse_size(head), None, "{head}");
    }
}

#[test]
fn two_answers_come_over_one_connection_and_a_third_is_cut_short() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        for body in [&b"12345"[..], &[7; 600_000], b"123"] {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                peer.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            assert!(asked.starts_with(b"GET /x HTTP/1.1\r\n"));
            let promised = body.len().max(5);
            write!(peer, "HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n").unwrap();
            peer.write_all(body).unwrap();
        }
    });
    let mut stream = Stream::connect(&address).unwrap();
    assert_eq!(stream.drain("/x").unwrap(), 5);
    assert_eq!(stream.drain("/x").unwrap(), 600_000);
    assert!(stream.drain("/x").unwrap_err().to_string().contains("2 bytes to come"));
    server.join().unwrap();
}
