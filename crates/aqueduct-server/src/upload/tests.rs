#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::net::{TcpListener, TcpStream as StdStream};
use std::sync::mpsc;
use std::time::Duration;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Readiness, read, set_receive_low_water, wait_at_most};
use aqueduct_wire::http1::Framing;
use tokio::net::TcpStream;

use super::*;
use crate::asked::{Peer, Who};

/// Throws away what comes.
struct Drain;

impl Sink for Drain {
    fn admit(&self, _len: u64) -> Result<(), Refusal> {
        Ok(())
    }

    fn pour(
        &mut self,
        _inbox: &mut Inbox,
        stream: &impl AsFd,
        len_max: usize,
    ) -> Result<Option<usize>, Stop> {
        match uninterrupted(|| read(stream, vec![0; len_max].as_mut_slice())).map_err(io::Error::from) {
            Ok(0) => Err(Stop::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(Stop::Gone(error)),
        }
    }

    fn lost(&self) -> u64 {
        0
    }

    fn finish(self) -> Outcome {
        Outcome::Removed
    }

    fn give_up(self) {}
}

/// Has all that it is asked for at once, and tells when it is finished.
struct Plenty(mpsc::Sender<&'static str>);

impl Sink for Plenty {
    fn admit(&self, _len: u64) -> Result<(), Refusal> {
        Ok(())
    }

    fn pour(
        &mut self,
        _inbox: &mut Inbox,
        _stream: &impl AsFd,
        len_max: usize,
    ) -> Result<Option<usize>, Stop> {
        Ok(Some(len_max))
    }

    fn lost(&self) -> u64 {
        0
    }

    fn finish(self) -> Outcome {
        self.0.send("finished").unwrap();
        Outcome::Removed
    }

    fn give_up(self) {
        self.0.send("given up").unwrap();
    }
}

/// The other end, and what receives `len` bytes from it.
fn pair(len: u64) -> (StdStream, Upload<Drain>, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let connection = Connection {
        stream: TcpStream::from_std(stream).unwrap(),
        inbox: Inbox::default(),
        who: Box::new(Who::stranger(Peer::Host(([127, 0, 0, 1], 1).into()))),
    };
    (peer, Upload::new(Drain, Body::new(Framing::Length(len)), Handle::current()), connection)
}

/// One turn, after which more is to come.
fn turn(upload: Upload<Drain>, connection: Connection) -> (Upload<Drain>, Connection) {
    match upload.go_on(connection) {
        Stage::Under(under) => *under,
        Stage::Over(_) => panic!("it is over"),
        Stage::Gone(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_peer_that_was_waited_for_in_vain_is_not_waited_for_again_until_it_is_quick() {
    let (mut peer, upload, connection) = pair(1 << 30);
    assert!(upload.is_quick);
    peer.write_all(&[1; 1000]).unwrap();
    let (upload, connection) = turn(upload, connection);
    assert_eq!((upload.moved, upload.turn, upload.is_quick), (1000, Turn::Hungry, false));
    peer.write_all(&[1; 1000]).unwrap();
    let (upload, connection) = turn(upload, connection);
    assert_eq!((upload.moved, upload.is_quick), (1000, false));
    let sending = std::thread::spawn(move || peer.write_all(&vec![1; 1 << 20]).map(|()| peer));
    set_receive_low_water(&connection.stream, usize::try_from(QUICK_LEN).unwrap()).unwrap();
    assert!(wait_at_most(&connection.stream, &[Readiness::Readable], Duration::from_secs(60)).unwrap());
    set_receive_low_water(&connection.stream, 1).unwrap();
    let (upload, connection) = turn(upload, connection);
    assert!(upload.is_quick);
    drop(connection);
    drop(sending.join().unwrap());
}

#[tokio::test]
async fn a_quick_peer_that_goes_away_in_the_middle_is_gone() {
    let (mut peer, upload, connection) = pair(1 << 30);
    peer.write_all(&[1; 1000]).unwrap();
    drop(peer);
    assert!(matches!(upload.go_on(connection), Stage::Gone(_)));
}

#[test]
fn a_body_that_came_whole_is_kept_although_its_reactor_has_ended() {
    for (len, end) in [(LARGE_LEN, "finished"), (2 * TURN_LEN as u64, "given up")] {
        let reactor = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let context = reactor.enter();
        let (_peer, Upload { body, reactor: handle, .. }, connection) = pair(len);
        drop(context);
        drop(reactor);
        let (told, tells) = mpsc::channel();
        let stage = Upload::new(Plenty(told), body, handle).go_on(connection);
        assert!(matches!(stage, Stage::Gone(_)));
        assert_eq!(tells.recv().unwrap(), end);
    }
}

#[tokio::test]
async fn what_follows_a_large_body_is_left_alone() {
    let (mut peer, mut upload, mut connection) = pair(8 << 20);
    let sending = std::thread::spawn(move || {
        peer.write_all(&vec![1; 8 << 20]).unwrap();
        peer.write_all(b"next").unwrap();
        peer
    });
    let connection = loop {
        match upload.go_on(connection) {
            Stage::Under(under) => (upload, connection) = *under,
            Stage::Over(over) => break over.connection,
            Stage::Gone(error) => panic!("{error}"),
        }
        connection.stream.readable().await.unwrap();
    };
    assert!(connection.inbox.is_empty());
    connection.stream.readable().await.unwrap();
    let peer = sending.join().unwrap();
    let mut next = [0; 10];
    let len = connection.stream.peek(&mut next).await.unwrap();
    assert_eq!(&next[..len], b"next");
    drop(peer);
}
