#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::TcpListener;

use super::*;

/// The other end, and a connection that is aside.
async fn pair() -> (StdStream, Aside) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    (peer, Aside::new(TcpStream::from_std(stream).unwrap()).unwrap())
}

#[tokio::test]
async fn a_peer_that_sends_less_than_is_worth_it_is_not_waited_for() {
    let (mut peer, mut aside) = pair().await;
    assert!(!aside.wait(1 << 20));
    peer.write_all(b"a little").unwrap();
    assert!(!aside.wait(1 << 20));
}

#[tokio::test]
async fn the_last_bytes_of_a_body_are_worth_it_however_few_they_are() {
    let (mut peer, mut aside) = pair().await;
    peer.write_all(b"the end").unwrap();
    assert!(!aside.wait(8));
    assert!(aside.wait(7));
}

#[tokio::test]
async fn a_peer_that_goes_away_is_heard_of_at_once() {
    let (mut peer, mut aside) = pair().await;
    peer.write_all(b"a little").unwrap();
    drop(peer);
    assert!(aside.wait(1 << 20));
}

#[tokio::test]
async fn a_reactor_that_has_it_again_hears_of_any_byte() {
    let (mut peer, mut aside) = pair().await;
    peer.write_all(b"1").unwrap();
    assert!(!aside.wait(1 << 20));
    let stream = aside.back(&Handle::current()).unwrap();
    stream.readable().await.unwrap();
    assert_eq!(stream.try_read(&mut [0; 10]).unwrap(), 1);
    peer.write_all(b"2").unwrap();
    stream.readable().await.unwrap();
}
