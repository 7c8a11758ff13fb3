//! Who waits for one after the other.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use aqueduct_transfer::{
    Error, ErrorKind, Event, Gauge, Host, Listen, Peer, Phase, Receive, Report, Send, Ticket, Watch,
};
use rustix::net::sockopt::set_socket_linger;

use crate::pair::{options, receive, send};

/// Hands on whatever happens.
struct Telling {
    ticket: Sender<Ticket>,
    said: Sender<String>,
}

impl Watch for Telling {
    fn hear(&self, event: &Event<'_>) {
        // Nobody may want to know any more.
        let _ = self.said.send(format!("{event:?}"));
        if let Event::Listening { ticket, .. } = event {
            self.ticket.send((*ticket).clone()).unwrap();
        }
    }
}

/// Stops what it watches once bytes move.
struct Stopping(Arc<AtomicBool>);

impl Watch for Stopping {
    fn hear(&self, event: &Event<'_>) {
        if matches!(event, Event::Phase(Phase::Transfer)) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Has `waiting` listen and `visit` come to its port, and then stops it.
fn stopped_after(
    stop: &AtomicBool,
    waiting: impl FnOnce(&Telling) -> Result<Report, Error> + std::marker::Send,
    visit: impl FnOnce(Ticket, &Receiver<String>),
) -> Error {
    let (ticket, listening) = mpsc::channel();
    let (said, hears) = mpsc::channel();
    let telling = Telling { ticket, said };
    let stops = Stops(stop);
    thread::scope(|scope| {
        let waited = scope.spawn(move || waiting(&telling));
        let ticket = listening.recv().unwrap();
        let host = Host::Address("127.0.0.1".parse().unwrap());
        visit(Ticket { hosts: vec![host], ..ticket }, &hears);
        drop(stops);
        waited.join().unwrap().unwrap_err()
    })
}

/// Whatever fails meanwhile, nobody waits for ever.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wait_for(said: &Receiver<String>, words: &str) {
    while !said.recv_timeout(Duration::from_secs(120)).expect("it is said").contains(words) {}
}

const WAITS: &str = "waiting for the other side to come again";

fn listen() -> Peer {
    Peer::Listen(Listen { address: "127.0.0.1:0".parse().unwrap(), advertise: Vec::new(), raw: true })
}

fn tree(directory: &Path) -> std::path::PathBuf {
    let tree = directory.join("tree");
    fs::create_dir(&tree).unwrap();
    // More than both sides' buffers hold.
    fs::File::create(tree.join("file")).unwrap().set_len(64 << 20).unwrap();
    tree
}

#[test]
fn a_receiver_that_is_stopped_has_kept_the_tree_that_broke_whatever_stream_broke_after_it() {
    for is_begun in [true, false] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let receiving = Receive { from: listen(), count: None, ..receive(to.path()) };
        let waiting = |telling: &Telling| aqueduct_transfer::recv(&receiving, &Gauge::default(), telling);
        let error = stopped_after(&receiving.options.stop, waiting, |ticket, said| {
            let port = ticket.port;
            if is_begun {
                let mut sending =
                    Send { to: Peer::Ticket(ticket), options: options(), ..send(&[&tree(from.path())]) };
                sending.options.rate = NonZeroU64::new(1 << 20);
                let stopping = Stopping(Arc::clone(&sending.options.stop));
                let error = aqueduct_transfer::send(&sending, &Gauge::default(), &stopping).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Stopped);
                wait_for(said, WAITS);
            }
            let mut raw = TcpStream::connect(("127.0.0.1", port)).unwrap();
            raw.write_all(&[b'x'; 1000]).unwrap();
            wait_for(said, "dialect: \"raw\"");
            set_socket_linger(&raw, Some(Duration::ZERO)).unwrap();
            drop(raw);
            wait_for(said, WAITS);
        });
        assert_eq!((error.kind(), error.is_resumable()), (ErrorKind::Stopped, is_begun));
    }
}

#[test]
fn a_sender_that_is_stopped_may_go_on_with_whom_it_broke_with_whatever_stream_broke_after_it() {
    for is_begun in [true, false] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = tree(from.path()).join("file");
        let sending = Send { to: listen(), count: None, ..send(&[&file]) };
        let waiting = |telling: &Telling| aqueduct_transfer::send(&sending, &Gauge::default(), telling);
        let error = stopped_after(&sending.options.stop, waiting, |ticket, said| {
            let port = ticket.port;
            if is_begun {
                let mut receiving =
                    Receive { from: Peer::Ticket(ticket), options: options(), ..receive(to.path()) };
                receiving.options.rate = NonZeroU64::new(1 << 20);
                let stopping = Stopping(Arc::clone(&receiving.options.stop));
                let error = aqueduct_transfer::recv(&receiving, &Gauge::default(), &stopping).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Stopped);
                wait_for(said, WAITS);
            }
            let mut raw = TcpStream::connect(("127.0.0.1", port)).unwrap();
            raw.read_exact(&mut [0; 1000]).unwrap();
            // With the rest unread it is a reset.
            drop(raw);
            wait_for(said, WAITS);
        });
        assert_eq!((error.kind(), error.is_resumable()), (ErrorKind::Stopped, is_begun));
    }
}
