//! A thread that serves connections. It waits for sockets and for nothing else.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_sys::{Errno, errno_of};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection;
use crate::server::{Shared, until_stop};
use crate::spread::Place;

/// Serves what `listeners` bring until `stop` says otherwise, then what is in flight for as long as grace lasts.
///
/// `connection_count_max` holds for each listener, and those of other reactors at its address make up for each other.
pub(crate) fn run(
    listeners: Vec<(StdListener, Place)>,
    shared: &Arc<Shared>,
    stop: &watch::Receiver<bool>,
    connection_count_max: usize,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let mut accepting = JoinSet::new();
        for (listener, place) in listeners {
            let listener = TcpListener::from_std(listener)?;
            accepting.spawn(accept(listener, place, Arc::clone(shared), stop.clone(), connection_count_max));
        }
        while accepting.join_next().await.is_some() {}
        Ok(())
    })
}

async fn accept(
    listener: TcpListener,
    mut place: Place,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
    connection_count_max: usize,
) {
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    let places = place.places();
    let served = |stream, peer| serve(stream, peer, Arc::clone(&shared), stop.clone());
    loop {
        tokio::select! {
            () = until_stop(&mut stopped) => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                place.left();
            }
            (stream, peer) = place.handed() => match TcpStream::from_std(stream) {
                Ok(stream) => drop(connections.spawn(served(stream, peer))),
                Err(error) => {
                    tracing::warn!(%peer, %error, "cannot serve a connection");
                    place.left();
                }
            },
            () = places.room(connection_count_max), if !places.has_room(connection_count_max) => {}
            accepted = listener.accept(), if places.has_room(connection_count_max) => match accepted {
                Ok((stream, peer)) => {
                    // Replies leave whole, so there is nothing to wait for (RFC 9293 section 3.7.4). It may be gone already.
                    let _ = stream.set_nodelay(true);
                    match hand_over(stream, peer, &place, connection_count_max) {
                        Ok(None) => {}
                        Ok(Some(stream)) => {
                            place.came();
                            drop(connections.spawn(served(stream, peer)));
                        }
                        Err(error) => tracing::warn!(%peer, %error, "cannot serve a connection"),
                    }
                }
                Err(error) => pause_after(&error, &mut stopped).await,
            },
        }
    }
    // Those that were accepted by others before they stopped, too.
    while let Some((stream, peer)) = place.last_handed().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            drop(connections.spawn(served(stream, peer)));
        }
    }
    // Whoever connects from here on finds nobody.
    drop(listener);
    let deadline = Instant::now() + shared.options.deadlines.grace;
    while let Ok(Some(ended)) = timeout_at(deadline, connections.join_next()).await {
        report(ended);
    }
    if !connections.is_empty() {
        tracing::warn!(count = connections.len(), "connections were cut off at the deadline");
    }
}

/// Hands a connection to another reactor where that is better; gives it back where it is not, or where that one is about to end.
fn hand_over(
    stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    count_max: usize,
) -> io::Result<Option<TcpStream>> {
    let Some(other) = place.other(count_max) else { return Ok(Some(stream)) };
    match other.hand((stream.into_std()?, peer)) {
        Ok(()) => Ok(None),
        Err((stream, _)) => TcpStream::from_std(stream).map(Some),
    }
}

/// All that is kept for a connection that waits. What awaits a future that it was given has room for it twice: so the future
/// is made here.
async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    connection::serve(stream, shared, stop).await.log(peer);
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by a bug of this program");
    }
}

/// Without descriptors or memory, accepting fails again at once until somebody closes something (accept(2)).
async fn pause_after(error: &io::Error, stopped: &mut watch::Receiver<bool>) {
    let resources = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    if errno_of(error).is_some_and(|errno| resources.contains(&errno)) {
        tracing::warn!(%error, "cannot accept connections");
        let _ = timeout(ACCEPT_PAUSE, until_stop(stopped)).await;
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
