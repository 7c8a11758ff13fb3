//! What keeps this server from taking connections: counted each time, and written down seldom.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_store::Cause;
use aqueduct_sys::{Errno, errno_of};

use crate::metrics;

/// The troubles of all reactors.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// When it was last written down.
    told: Mutex<Option<Instant>>,
}

impl Trouble {
    /// Notes why a connection could not be taken; false if that was its peer, or the network.
    pub(crate) fn note(&self, error: &io::Error) -> bool {
        if errno_of(error).is_some_and(|errno| OF_PEERS.contains(&errno)) {
            tracing::debug!(%error, "a peer went away before it was served");
            return false;
        }
        metrics::count_fault(Cause::of(error));
        if self.is_to_be_told(Instant::now()) {
            tracing::warn!(%error, "cannot take connections");
        }
        true
    }

    fn is_to_be_told(&self, now: Instant) -> bool {
        // What it guards is whole at any time.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

/// What accept(2) says of a connection that failed before it was accepted, or that a firewall forbids.
const OF_PEERS: [Errno; 13] = [
    Errno::CONNABORTED,
    Errno::CONNRESET,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
    Errno::INTR,
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::NONET,
    Errno::NOPROTOOPT,
    Errno::OPNOTSUPP,
    Errno::PERM,
    Errno::PROTO,
    Errno::TIMEDOUT,
];

/// It is met ten times a second by every reactor, for as long as it lasts.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
