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

mod door;
mod error;
mod gauge;
mod landing;
mod line;
mod listen;
mod meet;
mod options;
mod receiver;
mod report;
mod scale;
mod secret;
mod sender;
mod session;
mod source;
mod streams;
mod ticket;
mod watch;

use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::show_copied;
use aqueduct_wire::transfer as wire;

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
    session::send(send, gauge, watch)
}

/// Receives what a sender has, into the place that `receive` says.
///
/// # Errors
///
/// [`Error`]; its [kind](Error::kind) says what to do.
pub fn recv(receive: &Receive, gauge: &Gauge, watch: &dyn Watch) -> Result<Report, Error> {
    session::recv(receive, gauge, watch)
}

/// A CRC-32 where a digest would be.
fn wire_check(crc: u32) -> [u8; 32] {
    let mut check = [0; 32];
    check[..4].copy_from_slice(&crc.to_be_bytes());
    check
}

/// What the bytes of a pack must be found to be; `None` if nothing is verified.
fn pack_check(verify: wire::Verify, algorithm: Algorithm, bytes: &[u8]) -> Option<[u8; 32]> {
    match verify {
        wire::Verify::Full => Some(*digest_of(algorithm, bytes).as_bytes()),
        wire::Verify::Wire => Some(wire_check(crc32fast::hash(bytes))),
        wire::Verify::None => None,
    }
}

fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish().digest
}

/// Shows a range of a file, of which `data` are the parts that are no holes.
fn show_parts(
    file: &File,
    range: &Range<u64>,
    data: &[Range<u64>],
    observe: &mut dyn FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut at = range.start;
    for part in data {
        show_zeroes(part.start - at, observe);
        show_copied(file, part.clone(), observe)?;
        at = part.end;
    }
    show_zeroes(range.end - at, observe);
    Ok(())
}

/// Shows `len` zeroes: what a hole reads as.
fn show_zeroes(len: u64, observe: &mut dyn FnMut(&[u8])) {
    static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];
    let mut left = len;
    while left > 0 {
        let part = usize::try_from(left).map_or(ZEROES.len(), |left| left.min(ZEROES.len()));
        observe(&ZEROES[..part]);
        left -= part as u64;
    }
}

/// A path as it is told: names need not be text.
fn path_bytes(path: PathBuf) -> Vec<u8> {
    path.into_os_string().into_vec()
}
