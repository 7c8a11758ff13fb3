#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::{Body, Stream, parse_len, parse_status};

#[test]
fn only_an_answer_that_says_so_has_a_length() {
    assert_eq!(parse_len("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 7"), Some(7));
    assert_eq!(parse_len("HTTP/1.1 204 No Content\r\nServer: x"), Some(0));
    for head in ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "HTTP/1.1 200 OK\r\nContent-Length: x", ""]
    {
        assert_eq!(parse_len(head), None, "{head}");
    }
    assert_eq!(parse_status("HTTP/1.1 404 Not Found\r\nServer: x"), Some(404));
    assert_eq!(parse_status("HTTP/1.0 200 OK"), None);
}

#[test]
fn two_answers_come_over_one_connection_and_a_third_is_cut_short() {
    let (address, server) = answering(|peer| {
        for body in [&b"12345"[..], &[7; 600_000], b"123"] {
            assert!(heard(peer).starts_with("GET /x HTTP/1.1\r\n"));
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

#[test]
fn a_put_goes_where_the_post_before_it_was_sent() {
    let (address, server) = answering(|peer| {
        assert!(heard(peer).starts_with("POST /uploads HTTP/1.1\r\n"));
        write!(peer, "HTTP/1.1 202 Accepted\r\nLocation: http://").unwrap();
        write!(peer, "{}/uploads/7?a=b\r\nContent-Length: 0\r\n\r\n", peer.local_addr().unwrap()).unwrap();
        assert!(heard(peer).starts_with("PUT /uploads/7?a=b HTTP/1.1\r\n"));
        let mut body = [0; 3];
        peer.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"abc");
        write!(peer, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let mut stream = Stream::connect(&address).unwrap();
    let target = stream.post("/uploads").unwrap();
    stream.put(&target, &Body::Bytes(b"abc")).unwrap();
    server.join().unwrap();
}

#[test]
fn a_range_that_comes_as_a_whole_is_no_range() {
    let (address, server) = answering(|peer| {
        for status in ["206 Partial Content", "200 OK"] {
            assert!(heard(peer).contains("\r\nRange: bytes=4-6\r\n"));
            write!(peer, "HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        }
    });
    let mut stream = Stream::connect(&address).unwrap();
    stream.drain_range("/x", 4..7).unwrap();
    assert!(stream.drain_range("/x", 4..7).is_err());
    server.join().unwrap();
}

fn answering(serve: impl FnOnce(&mut TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (address, thread::spawn(move || serve(&mut listener.accept().unwrap().0)))
}

/// The head of a request.
fn heard(peer: &mut TcpStream) -> String {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        asked.push(byte[0]);
    }
    String::from_utf8(asked).unwrap()
}
