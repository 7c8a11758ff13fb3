//! How connections end, and who is to blame.

use std::io;

use aqueduct_store::Cause;

use crate::asked::Who;
use crate::metrics;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Close {
    /// One side said so, between two requests.
    Clean,
    /// The peer went away in the middle.
    PeerGone(io::Error),
    /// The peer was too slow.
    Deadline(&'static str),
    /// What the peer sent could not be followed.
    Protocol(&'static str),
    /// The disk failed in the middle of a reply.
    Fault(io::Error),
    /// A worker died of a bug of ours.
    Bug,
}

impl Close {
    /// Writes it down, as loudly as the blame deserves: peers can do what they like, our own troubles need a person.
    pub(crate) fn log(&self, who: &Who) {
        let Who { peer, connection, .. } = *who;
        match self {
            Self::Clean => tracing::trace!(connection, %peer, "closed"),
            Self::PeerGone(error) => match Cause::of(error) {
                Cause::Io => tracing::debug!(connection, %peer, %error, "the peer went away"),
                // No peer does that: a socket that cannot be received from, or waited for, is our trouble.
                cause => {
                    metrics::count_fault(cause);
                    tracing::warn!(connection, %peer, %error, "cannot go on with a connection");
                }
            },
            Self::Deadline(what) => tracing::debug!(connection, %peer, "the peer was too slow with {what}"),
            Self::Protocol(what) => tracing::debug!(connection, %peer, "the peer sent {what}"),
            Self::Fault(error) => {
                metrics::count_fault(Cause::of(error));
                tracing::error!(connection, %peer, %error, "a reply broke off");
            }
            Self::Bug => {
                tracing::error!(connection, %peer, "a worker panicked; this is a bug of this program");
            }
        }
    }
}
