//! A whole `send`.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use aqueduct_flow::Throttle;
use aqueduct_wire::transfer::Role;

use super::{Closing, Session, bare, patience};
use crate::door::Shelf;
use crate::line::Line;
use crate::listen::{Listener, Visitor, Welcome};
use crate::meet::Purpose;
use crate::sender::Sender;
use crate::source::{CheckpointCache, Walk, measure};
use crate::streams::More;
use crate::{Error, ErrorKind, Event, Gauge, Listen, Peer, Phase, Proof, Report, Send, Watch, What};

/// Sends everything; see [`crate::send`].
pub(crate) fn send(send: &Send, gauge: &Gauge, watch: &dyn Watch) -> Result<Report, Error> {
    let patience = patience(&send.options);
    let session = Session { options: &send.options, gauge, watch, patience: &patience };
    if let What::Paths(paths) = &send.what {
        // What is not there is said before anybody is waited for.
        Walk::new(paths, &send.preserve, &send.exclude)?;
    }
    if send.options.dry_run {
        return plan(send, &session);
    }
    let sender = Sender {
        send,
        gauge,
        watch,
        cache: CheckpointCache::open(send.cache.as_deref()),
        throttle: send.options.rate.map(Throttle::new),
        has_read: AtomicBool::new(false),
    };
    let sent = match &send.to {
        Peer::Ticket(ticket) => {
            let purpose = Purpose { role: Role::Send, stream: 0, attempt: [0; 16] };
            session.connect_until_done(ticket, purpose, &|line, more| sender.attempt(line, more))
        }
        Peer::Raw { host, port } => bare::connect(host, *port).and_then(|stream| {
            watch.hear(&Event::Phase(Phase::Transfer));
            bare::send(&sender, &session, &stream)
        }),
        Peer::Listen(listen) => wait(&sender, &session, listen),
        Peer::Http(_) => {
            Err(Error::new(ErrorKind::Usage, "nothing is sent to an HTTP server; aqueduct put does that"))
        }
    };
    let is_stream = send.what == What::Stdin || matches!(send.to, Peer::Raw { .. });
    sent.map_err(|error| if is_stream { error.of_stream() } else { error })
}

/// What would be sent.
fn plan(send: &Send, session: &Session<'_>) -> Result<Report, Error> {
    let (file_count, size) = match &send.what {
        What::Stdin => (None, None),
        What::Paths(paths) => {
            let totals = measure(paths, &send.preserve, &send.exclude, &send.options.stop)?;
            (Some(totals.file_count), Some(totals.size))
        }
    };
    session.watch.hear(&Event::Plan { file_count, size, free: None, held: 0 });
    Ok(Report {
        name: send.name(),
        file_count: file_count.unwrap_or(0),
        failed_count: 0,
        size: size.unwrap_or(0),
        resumed: 0,
        digest: None,
        proof: Proof::Nothing,
        is_synced: false,
        carried: aqueduct_flow::Carried::default(),
        elapsed: std::time::Duration::ZERO,
        peer: None,
        streams: 0,
    })
}

/// Listens, and serves as many receivers as are wanted, one after the other.
fn wait(sender: &Sender<'_>, session: &Session<'_>, listen: &Listen) -> Result<Report, Error> {
    let send = sender.send;
    let listener = Listener::bind(listen)?;
    let shelf = match &send.what {
        What::Paths(paths) => Some(Shelf::new(listener.ticket.secret.derive("http"), paths, &send.exclude)?),
        What::Stdin => None,
    };
    announce(sender, session, listen, &listener, shelf.as_ref());
    let (shelf, closing, guests) = (shelf.as_ref(), &Arc::new(AtomicBool::new(false)), &AtomicUsize::new(0));
    thread::scope(|scope| {
        let _closing = Closing(closing, &listener);
        let welcome =
            Welcome { role: Role::Receive, http: shelf.is_some(), patience: session.patience, closing };
        let (visitors, back) = listener.take(scope, welcome);
        // Whether somebody may go on with what he has, and whether the last one cannot.
        let (mut served, mut is_begun, mut was_stream) = (0, false, false);
        loop {
            session.watch.hear(&Event::Phase(Phase::Connect));
            let visitor = session
                .next(&visitors)
                .map_err(|error| if was_stream { error.of_stream() } else { error })?;
            was_stream = matches!(visitor, Visitor::Raw(_)) && !is_begun;
            let done = match visitor {
                Visitor::Attempt(line) => {
                    let sent = serve_native(sender, session, &listener, line);
                    is_begun = sent.is_err();
                    sent
                }
                // A browser has several connections, and keeps them: nobody else waits for it.
                Visitor::Http(stream) => {
                    if let Some(shelf) = shelf
                        && guests.load(Ordering::Relaxed) < GUEST_COUNT_MAX
                    {
                        guests.fetch_add(1, Ordering::Relaxed);
                        let back = back.clone();
                        scope.spawn(move || {
                            let served = bare::serve(sender, session, shelf, &stream, closing);
                            guests.fetch_sub(1, Ordering::Relaxed);
                            // Nobody may wait any more.
                            let _ = back.send(Visitor::Served(served));
                        });
                    }
                    Ok(None)
                }
                Visitor::Served(served) => served,
                Visitor::Raw(stream) => {
                    connected(session, &stream, "raw");
                    let sent = bare::send(sender, session, &stream).map(Some);
                    sent.map_err(|error| if was_stream { error.of_stream() } else { error })
                }
                Visitor::Refused(error) => {
                    session.watch.hear(&Event::Note(&crate::error::with_causes(&error)));
                    Ok(None)
                }
            };
            match done {
                Ok(Some(report)) => {
                    served += 1;
                    if send.count.is_some_and(|count| served >= count.get()) || send.what == What::Stdin {
                        return Ok(report);
                    }
                    session.watch.hear(&Event::Note("a receiver has it; waiting for the next"));
                }
                Ok(None) => {}
                Err(error) if !sender.has_read.load(Ordering::Relaxed) && session.waits_on(&error) => {}
                Err(error) => return Err(error),
            }
        }
    })
}

fn announce(
    sender: &Sender<'_>,
    session: &Session<'_>,
    listen: &Listen,
    listener: &Listener,
    shelf: Option<&Shelf>,
) {
    let send = sender.send;
    let name = String::from_utf8_lossy(&send.name()).into_owned();
    let size = send.single_file().ok().flatten().map(|file| file.size());
    session.watch.hear(&Event::Listening {
        ticket: &listener.ticket,
        address: listener.address,
        http_path: shelf.map(Shelf::path),
        raw: listen.raw,
        name: &name,
        size,
    });
}

fn serve_native(
    sender: &Sender<'_>,
    session: &Session<'_>,
    listener: &Listener,
    line: Line,
) -> Result<Option<Report>, Error> {
    session.connected(line.peer);
    sender.attempt(line, &More::Join(&listener.joining)).map(Some)
}

fn connected(session: &Session<'_>, stream: &TcpStream, dialect: &'static str) {
    if let Ok(peer) = stream.peer_addr().map(crate::line::canonical) {
        session.watch.hear(&Event::Connected { peer, dialect });
    }
}

/// Connections of those who speak HTTP: more than any browser has to one host.
const GUEST_COUNT_MAX: usize = 16;
