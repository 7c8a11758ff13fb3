//! Which ways bytes take, chosen once at the start from what the store's filesystem does. A way that works in general
//! and is refused for one file is left for that file alone, by whoever moves it.

use std::fmt;
use std::io;

use aqueduct_flow::probe::{Sending, Served, Tried};
use aqueduct_flow::{ReceiveRoute, SendRoute, Thresholds};

use crate::Options;
use crate::cache::BLOB_SIZE_MAX;

/// Leaves the ways that the options name where the filesystem refuses them, holds the thresholds to what is possible, and
/// writes the choice down in one line.
pub(crate) fn choose(options: &mut Options, served: io::Result<Served>) {
    let asked = options.thresholds;
    options.thresholds = Thresholds { memory_size_max: asked.memory_size_max.min(BLOB_SIZE_MAX), ..asked };
    let thresholds = format!("{} ({})", options.thresholds, options.thresholds_from);
    match served {
        Ok(served) => {
            let chosen = Chosen::new(options.send_route, options.receive_route, served);
            (options.send_route, options.receive_route) = (chosen.send, chosen.receive);
            tracing::info!("{chosen}; {thresholds}");
        }
        // A store on a full disk is read all the same.
        Err(error) => {
            let (send, receive) = (options.send_route, options.receive_route);
            tracing::warn!(
                "routes: send {send}, receive {receive}; they could not be tried: {error}; {thresholds}"
            );
        }
    }
}

/// The ways that bytes take, and why.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    send: SendRoute,
    receive: ReceiveRoute,
    served: Served,
}

impl Chosen {
    fn new(send: SendRoute, receive: ReceiveRoute, served: Served) -> Self {
        let send = match (send, served.sendfile) {
            // sendfile(2) is a splice inside the kernel: what refuses one refuses the other.
            (SendRoute::Sendfile | SendRoute::Splice, Sending::Refused(_)) => SendRoute::Copy,
            (send, _) => send,
        };
        let receive = match (receive, served.splice) {
            (ReceiveRoute::Splice, Tried::Refused(_) | Tried::Lies) => ReceiveRoute::Copy,
            (receive, _) => receive,
        };
        Self { send, receive, served }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { send, receive, served } = self;
        write!(f, "routes: send {send}")?;
        match served.sendfile {
            Sending::Refused(_) => write!(f, " (sendfile: {})", served.sendfile)?,
            found if *send == SendRoute::Sendfile => write!(f, " ({found})")?,
            _ => {}
        }
        write!(f, ", receive {receive}")?;
        if !served.splice.works() {
            write!(f, " (splice: {})", served.splice)?;
        }
        if let Tried::Refused(_) | Tried::Lies = served.nowait {
            // `residency` asks of every window anew, and takes what cannot be told for cold.
            write!(f, ", every large blob by way of a worker (RWF_NOWAIT: {})", served.nowait)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
