#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::{Direction, Passed, Proxy};

/// A client and the server that its connection arrives at.
fn joined(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn bytes_pass_both_ways_and_are_counted() {
    let (listener, address) = listener();
    let proxy = Proxy::start(&address, |_| Box::new(|_| {})).unwrap();
    let (mut client, mut server) = joined(&proxy, &listener);
    client.write_all(b"question").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = String::new();
    server.read_to_string(&mut heard).unwrap();
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert_eq!((heard.as_str(), said.as_str()), ("question", "answer"));
    assert_eq!(proxy.passed(), Passed { to_server: 8, to_client: 6, connection_count: 1 });
}

#[test]
fn a_cut_is_a_reset_for_both_sides() {
    let (listener, address) = listener();
    let proxy = Proxy::start(&address, |_| Box::new(|_| {})).unwrap();
    let (mut client, mut server) = joined(&proxy, &listener);
    client.write_all(b"x").unwrap();
    proxy.wait_for(Direction::ToServer, 1, Duration::from_secs(60)).unwrap();
    server.read_exact(&mut [0]).unwrap();
    proxy.reset();
    for side in [&mut client, &mut server] {
        assert_eq!(side.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    let (mut client, mut server) = joined(&proxy, &listener);
    client.write_all(b"y").unwrap();
    server.read_exact(&mut [0]).unwrap();
    assert_eq!(proxy.passed().connection_count, 2);
}

#[test]
fn what_is_held_passes_once_it_is_released_and_never_after_a_cut() {
    let (listener, address) = listener();
    let proxy = Proxy::start(&address, |_| Box::new(|_| {})).unwrap();
    let (mut client, mut server) = joined(&proxy, &listener);
    proxy.hold();
    client.write_all(b"x").unwrap();
    assert!(proxy.wait_for(Direction::ToServer, 1, Duration::from_millis(20)).is_err());
    proxy.release();
    server.read_exact(&mut [0]).unwrap();
    proxy.hold();
    client.write_all(b"y").unwrap();
    proxy.reset();
    assert_eq!(server.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(proxy.passed().to_server, 1);
}

#[test]
fn bytes_are_altered_in_the_direction_that_was_meant() {
    let (listener, address) = listener();
    let alter = |direction| -> super::Alter {
        Box::new(move |bytes: &mut [u8]| bytes[0] ^= u8::from(direction == Direction::ToServer))
    };
    let proxy = Proxy::start(&address, alter).unwrap();
    let (mut client, mut server) = joined(&proxy, &listener);
    let mut heard = [0];
    client.write_all(&[6]).unwrap();
    server.read_exact(&mut heard).unwrap();
    assert_eq!(heard, [7]);
    server.write_all(&[6]).unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, [6]);
}
