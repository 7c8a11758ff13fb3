//! ccache, in the protocol of its storage programs (CRSH), over Unix sockets: the same entries as over HTTP.
//!
//! Every compile is a process that connects, asks for two keys, may compile for minutes, and brings what came of it. So one
//! thread has all these connections: it waits for sockets and for nothing else, as a reactor does, and workers do the rest. Who
//! may connect is decided by the permissions of the socket's file; tokens do not count here.

mod call;
mod entry;
mod intent;
mod put;
mod send;
mod talk;

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::asked::Peer;
use crate::guests::Guest;
use crate::pulse::Pulse;
use crate::reactor::{ACCEPT_PAUSE, finish, report, serve_all};
use crate::server::{Shared, until_stop};

/// Serves what `listeners` bring until `stop` says otherwise, then what is in flight for as long as grace lasts.
pub(crate) fn run(
    listeners: Vec<StdListener>,
    pulse: Arc<Pulse>,
    shared: &Arc<Shared>,
    stop: &watch::Receiver<bool>,
) -> io::Result<()> {
    serve_all(pulse, |accepting| {
        for listener in listeners {
            let listener = UnixListener::from_std(listener)?;
            accepting.spawn(accept(listener, Arc::clone(shared), stop.clone()));
        }
        Ok(())
    })
}

async fn accept(listener: UnixListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut stopped = stop.clone();
    loop {
        tokio::select! {
            () = until_stop(&mut stopped) => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                // One too many is closed at once: ccache then compiles as if there were no storage.
                Ok((stream, _)) => {
                    if let Ok(guest) = shared.guests.admit(Peer::Local) {
                        drop(connections.spawn(serve(stream, guest, Arc::clone(&shared), stop.clone())));
                    }
                }
                Err(error) if shared.trouble.note(&error) => {
                    let _ = timeout(ACCEPT_PAUSE, until_stop(&mut stopped)).await;
                }
                Err(_) => {}
            },
        }
    }
    drop(listener);
    finish(connections, &shared).await;
}

async fn serve(stream: UnixStream, guest: Guest, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    talk::serve(stream, Box::new(*guest.who()), shared, stop).await.log(guest.who());
}
