//! A sender and a receiver, each on a thread.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use aqueduct_blob::Algorithm;
use aqueduct_transfer::{
    Error, Event, Existing, Gauge, Listen, Options, Peer, Preserve, Receive, Report, Send, Streams, Sync,
    Ticket, Times, Verify, Watch, What, Where,
};

/// Hears everything, and hands on the ticket.
pub(crate) struct Hearing {
    ticket: Mutex<Option<Sender<Ticket>>>,
    pub(crate) said: Mutex<Vec<String>>,
}

impl Hearing {
    pub(crate) fn new() -> (Self, Receiver<Ticket>) {
        let (sender, ticket) = mpsc::channel();
        (Self { ticket: Mutex::new(Some(sender)), said: Mutex::default() }, ticket)
    }
}

impl Watch for Hearing {
    fn hear(&self, event: &Event<'_>) {
        self.said.lock().unwrap().push(format!("{event:?}"));
        if let Event::Listening { ticket, .. } = event {
            self.ticket.lock().unwrap().take().unwrap().send((*ticket).clone()).unwrap();
        }
    }
}

pub(crate) fn options() -> Options {
    Options {
        streams: Streams::Count(std::num::NonZeroU32::new(3).unwrap()),
        rate: None,
        times: Times::default(),
        dry_run: false,
        stop: Arc::new(AtomicBool::new(false)),
    }
}

pub(crate) fn listen() -> Peer {
    Peer::Listen(Listen { address: "127.0.0.1:0".parse().unwrap(), advertise: Vec::new(), raw: false })
}

/// Sends `paths`, to whoever comes.
pub(crate) fn send(paths: &[&Path]) -> Send {
    Send {
        what: What::Paths(paths.iter().map(PathBuf::from).collect()),
        to: listen(),
        algorithm: Algorithm::Blake3,
        verify: Verify::Full,
        preserve: Preserve::default(),
        require_verify: false,
        count: std::num::NonZeroU32::new(1),
        exclude: Vec::new(),
        cache: None,
        options: options(),
    }
}

/// Receives into `directory`, from whoever comes.
pub(crate) fn receive(directory: &Path) -> Receive {
    Receive {
        from: listen(),
        to: Where::Directory(directory.to_owned()),
        existing: Existing::Refuse,
        preserve: Preserve::default(),
        sync: Sync::None,
        recheck: false,
        resume: true,
        count: std::num::NonZeroU32::new(1),
        expected: None,
        expected_size: None,
        options: options(),
    }
}

pub(crate) type Outcome = (Result<Report, Error>, Vec<String>);

/// Lets the sender listen, and the receiver connect.
pub(crate) fn pulled(send: &Send, receive: &Receive) -> (Outcome, Outcome) {
    let (hearing, _) = Hearing::new();
    let (sent, received) = pulled_by(send, receive, &hearing);
    (sent, (received, hearing.said.into_inner().unwrap()))
}

/// The same, where the receiver tells `watch`.
pub(crate) fn pulled_by(
    send: &Send,
    receive: &Receive,
    watch: &dyn Watch,
) -> (Outcome, Result<Report, Error>) {
    let (hearing, ticket) = Hearing::new();
    thread::scope(|scope| {
        let hearing = &hearing;
        let sent = scope.spawn(move || aqueduct_transfer::send(send, &Gauge::default(), hearing));
        let received = ticket.recv().map(|ticket| {
            let receive = Receive { from: Peer::Ticket(ticket), ..receive.clone() };
            let received = aqueduct_transfer::recv(&receive, &Gauge::default(), watch);
            if received.is_err() {
                // Whoever listens would wait for the next try.
                send.options.stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            received
        });
        let sent = (sent.join().unwrap(), hearing.said.lock().unwrap().clone());
        (sent, received.expect("the sender listens"))
    })
}

/// Lets the receiver listen, and the sender connect.
pub(crate) fn pushed(send: &Send, receive: &Receive) -> (Outcome, Outcome) {
    let (hearing, ticket) = Hearing::new();
    thread::scope(|scope| {
        let hearing = &hearing;
        let received = scope.spawn(move || aqueduct_transfer::recv(receive, &Gauge::default(), hearing));
        let sent = ticket.recv().map(|ticket| {
            let (hearing, _) = Hearing::new();
            let send = Send { to: Peer::Ticket(ticket), ..send.clone() };
            let sent = aqueduct_transfer::send(&send, &Gauge::default(), &hearing);
            if sent.is_err() {
                receive.options.stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            (sent, hearing.said.into_inner().unwrap())
        });
        let received = (received.join().unwrap(), hearing.said.lock().unwrap().clone());
        (sent.expect("the receiver listens"), received)
    })
}
