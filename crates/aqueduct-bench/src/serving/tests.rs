#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use aqueduct_bench::noise;

use aqueduct_sys::pipe;

use super::{Connection, Floor, Request, Standing, State, serve, unless_gone};

#[test]
fn a_request_names_a_file_of_the_root_and_nothing_else() {
    let put = Request { is_put: true, name: "x", len: 7 };
    assert_eq!(Request::parse("PUT /x HTTP/1.1\r\ncontent-length: 7\r\n\r\n"), Some(put));
    let head = "GET /x HTTP/1.1\r\nHost: y\r\n\r\n";
    assert_eq!(Request::parse(head), Some(Request { is_put: false, name: "x", len: 0 }));
    for other in ["GET /../x HTTP/1.1\r\n\r\n", "GET //x HTTP/1.1\r\n\r\n", "HEAD /x HTTP/1.1\r\n\r\n", ""] {
        assert_eq!(Request::parse(other), None, "{other}");
    }
}

#[test]
fn a_peer_that_hangs_up_without_reading_ends_nothing_but_its_connection() {
    let dir = tempfile::tempdir().unwrap();
    File::create(dir.path().join("x")).unwrap().write_all(b"abc").unwrap();
    let mut hasty = started(dir.path());
    let mut patient = TcpStream::connect(hasty.peer_addr().unwrap()).unwrap();
    write!(hasty, "GET /x HTTP/1.1\r\n\r\n").unwrap();
    // It is answered when something can be read. A close(2) with bytes unread resets the connection (tcp(7)).
    hasty.peek(&mut [0]).unwrap();
    drop(hasty);
    write!(patient, "GET /x HTTP/1.1\r\n\r\n").unwrap();
    expect(&mut patient, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
}

#[test]
fn a_peer_that_is_gone_before_it_is_answered_ends_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hasty = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    socket.write_all(b"not read").unwrap();
    hasty.peek(&mut [0]).unwrap();
    drop(hasty);
    // The reset has come, and is told once; from then on there is nobody to send to (tcp(7)).
    socket.read_exact(&mut [0]).unwrap_err();
    let dir = tempfile::tempdir().unwrap();
    let file = File::create(dir.path().join("x")).unwrap();
    let floor = Floor { root: dir.path().to_owned(), pipe: pipe().unwrap() };
    let mut connection = Connection::new(socket);
    connection.state = State::Receiving { file, offset: 0, end: 0 };
    let error = connection.go_on(&floor).err().unwrap();
    assert!(unless_gone(error).unwrap() == Standing::Ended);
}

#[test]
fn what_was_put_in_pieces_comes_back_over_the_same_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut socket = started(dir.path());
    let mut body = vec![0; 3_000_000];
    noise::fill(&mut body, 1);
    write!(socket, "PUT /x HTTP/1.1\r\nContent-Le").unwrap();
    write!(socket, "ngth: {}\r\n\r\n", body.len()).unwrap();
    socket.write_all(&body).unwrap();
    expect(&mut socket, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert!(fs::read(dir.path().join("x")).unwrap() == body);
    File::create(dir.path().join("empty")).unwrap();
    write!(socket, "GET /empty HTTP/1.1\r\n\r\n").unwrap();
    expect(&mut socket, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    write!(socket, "GET /x HTTP/1.1\r\n\r\n").unwrap();
    expect(&mut socket, b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
    expect(&mut socket, &body);
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
}

/// A connection to a server that serves `root` from now on.
fn started(root: &Path) -> TcpStream {
    let root = root.to_owned();
    // The port is free for whoever comes next, and nobody else does.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    thread::spawn(move || serve(address, &root));
    loop {
        if let Ok(socket) = TcpStream::connect(address) {
            return socket;
        }
    }
}

fn expect(socket: &mut TcpStream, bytes: &[u8]) {
    let mut said = vec![0; bytes.len()];
    socket.read_exact(&mut said).unwrap();
    assert!(said == bytes, "{}", String::from_utf8_lossy(&said[..said.len().min(200)]));
}
