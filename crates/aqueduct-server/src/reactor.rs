//! A thread that serves connections. It waits for sockets and for nothing else.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout, timeout_at};

use crate::asked::{Peer, Who};
use crate::guests::Guest;
use crate::pulse::Pulse;
use crate::server::{Shared, until_stop};
use crate::spread::{Handed, Place};
use crate::{connection, farewell};

/// Serves what `listeners` bring until `stop` says otherwise, then what is in flight for as long as grace lasts.
pub(crate) fn run(
    listeners: Vec<(StdListener, Place)>,
    pulse: Arc<Pulse>,
    shared: &Arc<Shared>,
    stop: &watch::Receiver<bool>,
) -> io::Result<()> {
    serve_all(pulse, |accepting| {
        for (listener, place) in listeners {
            let listener = TcpListener::from_std(listener)?;
            accepting.spawn(accept(listener, place, Arc::clone(shared), stop.clone()));
        }
        Ok(())
    })
}

/// A runtime on this thread, for what `begin` spawns, until all of it has ended.
pub(crate) fn serve_all(
    pulse: Arc<Pulse>,
    begin: impl FnOnce(&mut JoinSet<()>) -> io::Result<()>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        drop(tokio::spawn(pulse.beat()));
        drop(tokio::spawn(keep_a_timer()));
        let mut accepting = JoinSet::new();
        begin(&mut accepting)?;
        while accepting.join_next().await.is_some() {}
        Ok(())
    })
}

/// Always has a timer that ends before nearly all of those of connections do. To set the first one to end, the runtime wakes itself, with a call,
/// and looks at all sockets once more; without this one, that is nearly every timer of a connection that waits.
async fn keep_a_timer() {
    let mut timer = interval(TIMER_TIME);
    loop {
        timer.tick().await;
    }
}

async fn accept(listener: TcpListener, mut place: Place, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    let served = |stream, guest| serve(stream, guest, Arc::clone(&shared), stop.clone());
    loop {
        tokio::select! {
            () = until_stop(&mut stopped) => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                place.left();
            }
            Handed { stream, guest } = place.handed() => match TcpStream::from_std(stream) {
                Ok(stream) => drop(connections.spawn(served(stream, guest))),
                Err(error) => {
                    shared.trouble.note(&error);
                    place.left();
                }
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Ok(guest) = shared.guests.admit(Peer::Host(peer)) else {
                        turn_away(stream, Who::stranger(Peer::Host(peer)), &shared);
                        continue;
                    };
                    // Replies leave whole, so there is nothing to wait for (RFC 9293 section 3.7.4). It may be gone already.
                    let _ = stream.set_nodelay(true);
                    match hand_over(stream, guest, &place) {
                        Ok(None) => {}
                        Ok(Some((stream, guest))) => {
                            place.came();
                            drop(connections.spawn(served(stream, guest)));
                        }
                        Err(error) => { shared.trouble.note(&error); },
                    }
                }
                // Without descriptors or memory, it fails again at once until somebody closes something (accept(2)).
                Err(error) if shared.trouble.note(&error) => {
                    let _ = timeout(ACCEPT_PAUSE, until_stop(&mut stopped)).await;
                }
                Err(_) => {}
            },
        }
    }
    // Those that were accepted by others before they stopped, too.
    while let Some(Handed { stream, guest }) = place.last_handed().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => drop(connections.spawn(served(stream, guest))),
            Err(error) => {
                shared.trouble.note(&error);
            }
        }
    }
    // Whoever connects from here on finds nobody, unless somebody else has the socket, too: then it waits for that one.
    drop(listener);
    finish(connections, &shared).await;
}

/// Waits for connections to end, for as long as grace lasts.
pub(crate) async fn finish(mut connections: JoinSet<()>, shared: &Shared) {
    let deadline = Instant::now() + shared.options.grace();
    while let Ok(Some(ended)) = timeout_at(deadline, connections.join_next()).await {
        report(ended);
    }
    if !connections.is_empty() {
        tracing::warn!(count = connections.len(), "connections were cut off at the deadline");
    }
}

/// Tells a peer that there is no room for it, which nobody waits for. Where many are told already it is reset, so that they cost
/// no more than to accept them.
fn turn_away(stream: TcpStream, who: Who, shared: &Arc<Shared>) {
    match shared.guests.bid_farewell() {
        Some(place) => {
            let shared = Arc::clone(shared);
            drop(tokio::spawn(async move { farewell::say(stream, &shared, who, place).await }));
        }
        None => {
            // It may be gone already.
            let _ = stream.set_zero_linger();
        }
    }
}

/// Hands a connection to another reactor where that is better; gives it back where it is not, or where that one is about to end.
fn hand_over(stream: TcpStream, guest: Guest, place: &Place) -> io::Result<Option<(TcpStream, Guest)>> {
    let Some(other) = place.other() else { return Ok(Some((stream, guest))) };
    match other.hand(Handed { stream: stream.into_std()?, guest }) {
        Ok(()) => Ok(None),
        Err(Handed { stream, guest }) => Ok(Some((TcpStream::from_std(stream)?, guest))),
    }
}

/// All that is kept for a connection that waits. What awaits a future that it was given has room for it twice: so the future
/// is made here.
async fn serve(stream: TcpStream, guest: Guest, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    connection::serve(stream, Box::new(*guest.who()), shared, stop).await.log(guest.who());
}

/// Notes how a connection ended.
pub(crate) fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a bug of this program");
    }
}

/// Less than peers have for nearly everything, and seldom enough for a server that has nothing to do.
const TIMER_TIME: Duration = Duration::from_secs(10);

/// What somebody may close something in.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
