//! One file or tree from one host to another, once: `aqueduct send` and `aqueduct recv`.
//!
//! Either side listens, and whoever listens makes a [`Ticket`] for the other. The bytes leave at once; what they must be
//! found to be trails behind them, and the receiver verifies each segment as it lands. A transfer that breaks goes on where
//! it was: the receiver keeps a journal, the sender what it has hashed.
//!
//! ```text
//! source ── walk ──> sender: queue of segments ──> streams ══ sockets ══> streams ──> receiver ── landing
//!                        └── checkpoints             │                       └── assembly, journal
//!                                                    └── door: HTTP, raw
//! ```
//!
//! Blocking, one thread a stream. Nothing here prints: what happens is told to a [`Watch`], and counted in a [`Gauge`].

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

#[allow(
    dead_code,
    unused_imports,
    reason = "the sender and the receiver that use it come with a later commit"
)]
mod door;
mod error;
mod gauge;
#[cfg_attr(not(test), expect(dead_code, reason = "the receiver that uses it comes with the next commit"))]
mod landing;
mod options;
mod report;
mod secret;
#[allow(dead_code, reason = "the sender that uses it comes next")]
mod source;
mod ticket;
mod watch;

pub use error::{Error, ErrorKind};
pub use gauge::{Gauge, Limit};
pub use options::{
    Existing, Listen, Options, Peer, Preserve, Receive, Send, Streams, Sync, Times, Verify, What, Where,
};
pub use report::{Proof, Report};
pub use secret::Secret;
pub use ticket::{Host, Ticket, TicketError};
pub use watch::{Event, Phase, Watch};

/// Sends what `send` names to whoever it says, and ends when a receiver has it.
///
/// # Errors
///
/// [`Error`]; its [kind](Error::kind) says what to do.
pub fn send(send: &Send, gauge: &Gauge, watch: &dyn Watch) -> Result<Report, Error> {
    let _ = (send, gauge, watch);
    Err(Error::new(ErrorKind::Other, "nothing is sent yet"))
}

/// Receives what a sender has, into the place that `receive` says.
///
/// # Errors
///
/// [`Error`]; its [kind](Error::kind) says what to do.
pub fn recv(receive: &Receive, gauge: &Gauge, watch: &dyn Watch) -> Result<Report, Error> {
    let _ = (receive, gauge, watch);
    Err(Error::new(ErrorKind::Other, "nothing is received yet"))
}
