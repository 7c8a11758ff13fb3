//! A whole `recv`.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use aqueduct_blob::{Algorithm, Hasher};
use aqueduct_flow::Throttle;
use aqueduct_wire::transfer::{Entry, EntryId, Kind, Meta, Offer, Role, Verify};

use super::fetching::fetch_from;
use super::{Closing, Session, bare, patience};
use crate::door::{Manner, RawReceived, RawTarget, receive_raw};
use crate::landing::{Landing, LandingOptions};
use crate::listen::{Listener, Visitor, Welcome};
use crate::meet::Purpose;
use crate::receiver::{Receiver, ToldFiles};
use crate::streams::More;
use crate::{Error, ErrorKind, Event, Gauge, Listen, Peer, Phase, Proof, Receive, Report, Watch, Where};

/// Receives everything; see [`crate::recv`].
pub(crate) fn recv(receive: &Receive, gauge: &Gauge, watch: &dyn Watch) -> Result<Report, Error> {
    let patience = patience(&receive.options);
    let session = Session { options: &receive.options, gauge, watch, patience: &patience };
    let throttle = receive.options.rate.map(Throttle::new);
    let is_stream = receive.to == Where::Stdout || matches!(receive.from, Peer::Raw { .. } | Peer::Http(_));
    let receiver = Receiver {
        receive,
        gauge,
        watch,
        throttle,
        has_passed: AtomicBool::new(false),
        is_stream: AtomicBool::new(is_stream),
        begun: Mutex::default(),
        told: ToldFiles::default(),
    };
    let received = match &receive.from {
        Peer::Ticket(ticket) => {
            let purpose = Purpose { role: Role::Receive, stream: 0, attempt: [0; 16] };
            session.connect_until_done(ticket, purpose, &|line, more| receiver.attempt(line, more))
        }
        Peer::Raw { host, port } => {
            bare::connect(host, *port).and_then(|stream| take_raw(&receiver, &session, &stream))
        }
        Peer::Listen(listen) => wait(&receiver, &session, listen),
        Peer::Http(url) => fetch_from(&receiver, &session, url),
    };
    received.map_err(|error| if receiver.keeps_nothing() { error.of_stream() } else { error })
}

/// Listens, and takes from as many senders as are wanted, one after the other.
fn wait(receiver: &Receiver<'_>, session: &Session<'_>, listen: &Listen) -> Result<Report, Error> {
    let listener = Listener::bind(listen)?;
    session.watch.hear(&Event::Listening {
        ticket: &listener.ticket,
        address: listener.address,
        http_path: None,
        raw: listen.raw,
        name: "",
        size: None,
    });
    let closing = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let _closing = Closing(&closing, &listener);
        let welcome =
            Welcome { role: Role::Send, http: false, patience: session.patience, closing: &closing };
        let (visitors, _) = listener.take(scope, welcome);
        let mut taken = 0;
        loop {
            session.watch.hear(&Event::Phase(Phase::Connect));
            let done = match session.next(&visitors)? {
                Visitor::Attempt(line) => {
                    session.connected(line.peer);
                    receiver.attempt(line, &More::Join(&listener.joining)).map(Some)
                }
                Visitor::Raw(stream) => {
                    receiver.is_stream.store(true, Ordering::Relaxed);
                    take_raw(receiver, session, &stream).map(Some)
                }
                Visitor::Http(_) | Visitor::Served(_) => Ok(None),
                Visitor::Refused(error) => {
                    session.watch.hear(&Event::Note(&crate::error::with_causes(&error)));
                    Ok(None)
                }
            };
            match done {
                Ok(Some(report)) => {
                    taken += 1;
                    // What came is there, whatever it was.
                    receiver.is_stream.store(receiver.receive.to == Where::Stdout, Ordering::Relaxed);
                    if receiver.receive.count.is_some_and(|count| taken >= count.get()) {
                        return Ok(report);
                    }
                    session.watch.hear(&Event::Note("everything is here; waiting for the next sender"));
                }
                Ok(None) => {}
                Err(error) if session.waits_on(&error) => {}
                Err(error) => return Err(error),
            }
        }
    })
}

/// Takes bare bytes, whose end is the connection's.
fn take_raw(receiver: &Receiver<'_>, session: &Session<'_>, stream: &TcpStream) -> Result<Report, Error> {
    let began = Instant::now();
    let receive = receiver.receive;
    if let Ok(peer) = stream.peer_addr().map(crate::line::canonical) {
        session.watch.hear(&Event::Connected { peer, dialect: "raw" });
    }
    if receive.to == Where::Stdout && receiver.has_passed.swap(true, Ordering::Relaxed) {
        let what = "the connection was lost, and what went to standard output cannot be taken back";
        return Err(Error::new(ErrorKind::Other, what));
    }
    session.gauge.begin_attempt();
    session.watch.hear(&Event::Phase(Phase::Transfer));
    let manner = Manner {
        times: &session.options.times,
        throttle: receiver.throttle.as_ref(),
        stop: &session.options.stop,
        until: session.patience.until,
        gauge: session.gauge,
    };
    let algorithm = receive.expected.map_or(Algorithm::Sha256, |digest| digest.algorithm());
    let mut hasher = Hasher::new(algorithm);
    let mut observe = |bytes: &[u8]| hasher.update(bytes);
    let mut take = |target: RawTarget<'_>| -> Result<RawReceived, Error> {
        let received = receive_raw(stream, target, receive.expected_size, &mut observe, manner)?;
        match receive.expected_size {
            Some(size) if size != received.size => {
                let what = format!("{} bytes came, and {size} were to come", received.size);
                Err(Error::new(ErrorKind::Mismatch, what))
            }
            _ => Ok(received),
        }
    };
    let (name, received, landing) = match &receive.to {
        Where::Stdout => (b"-".to_vec(), take(RawTarget::Writer(&mut std::io::stdout().lock()))?, None),
        to => {
            let entry = raw_entry();
            let landing = begin_landing(receiver, to, &entry)?;
            let arriving = landing.file(&entry)?;
            let Some(arriving) = arriving else {
                return Err(Error::new(ErrorKind::Exists, "what is there already was to stay"));
            };
            let received = take(RawTarget::File(arriving.file()?))?;
            arriving.finish(received.size)?;
            (entry.name, received, Some(landing))
        }
    };
    let digest = hasher.finish().digest;
    if receive.expected.is_some_and(|expected| expected != digest) {
        return Err(Error::new(
            ErrorKind::Mismatch,
            format!("what came is {digest}, and not what was expected"),
        ));
    }
    let landed = landing.as_ref().map(Landing::finish).transpose()?;
    if received.was_silent && receive.expected.is_none() && receive.expected_size.is_none() {
        session.watch.hear(&Event::Note(
            "the other side fell silent and did not end its side: whether this is all of it, only --size or --expect tells",
        ));
    }
    let is_synced = landed.as_ref().is_some_and(|landed| landed.is_synced);
    let path = landed.and_then(|landed| landed.names.into_iter().next()).map(|(_, path)| path);
    Ok(Report {
        name: path.map_or(name, crate::path_bytes),
        file_count: 1,
        failed_count: 0,
        size: received.size,
        resumed: 0,
        digest: Some(digest),
        proof: if receive.expected.is_some() { Proof::Digest } else { Proof::Nothing },
        is_synced,
        carried: received.carried,
        elapsed: began.elapsed(),
        peer: stream.peer_addr().ok().map(crate::line::canonical),
        streams: 1,
    })
}

/// What comes without a word about it.
fn raw_entry() -> Entry {
    let meta = Meta { mode: 0o644, ..Meta::default() };
    Entry { id: EntryId(1), parent: EntryId::ROOT, name: RAW_NAME.to_vec(), meta, kind: Kind::Stream }
}

pub(super) fn begin_landing(receiver: &Receiver<'_>, to: &Where, entry: &Entry) -> Result<Landing, Error> {
    let receive = receiver.receive;
    let offer = Offer {
        transfer: crate::secret::random().map_err(|error| Error::disk("no random bytes", error))?,
        algorithm: Algorithm::Sha256,
        verify: Verify::None,
        names: vec![entry.name.clone()],
        size: None,
        file_count: Some(1),
        stream_count: 1,
        room: None,
    };
    let options = LandingOptions {
        to,
        existing: receive.existing,
        sync: receive.sync,
        preserve: receive.preserve,
        recheck: false,
        resume: false,
    };
    Landing::begin(&options, &offer, receiver.watch, receiver.gauge)
}

/// What bare bytes are called where nobody gave them a name.
const RAW_NAME: &[u8] = b"received";
