//! The other dialects of the port where a transfer is waited for: HTTP for `curl` and browsers, and bare bytes for `nc`. And
//! fetching from HTTP servers.
//!
//! Whoever connects is looked at first ([`sniff`]), and nothing of what it said is taken away.

mod fetch;
mod http;
mod peer;
mod raw;

use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Readiness, set_receive_low_water, wait_at_most};
use aqueduct_wire::native::{FrameError, parse_greeting};

pub(crate) use fetch::{Answered, Begun, Fetched, Url, fetch};
pub(crate) use http::{Given, Shelf};
pub(crate) use peer::Manner;
pub(crate) use raw::{RawReceived, RawSource, RawTarget, receive_raw, send_raw};

use crate::line::check_stop;
use crate::{Error, ErrorKind};
use peer::TICK;

/// What somebody who has connected speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The native protocol.
    Native,
    /// HTTP: a method that is known, and what a target begins with.
    Http,
    /// A handshake of TLS, which is not spoken here.
    Tls,
    /// Nothing for the time that was waited: `nc HOST PORT > FILE`, which wants bytes.
    Silent,
    /// Something else: `nc HOST PORT < FILE`, which brings them.
    Other,
    /// It has ended its side, or both, without a word: a look whether somebody listens, or `nc` whose input is empty. Only
    /// sending to it tells which.
    Gone,
}

/// Waits until it can be told what the other side speaks, and takes nothing away; who says nothing for as long as `silence`
/// is [`Dialect::Silent`].
///
/// # Errors
///
/// [`ErrorKind::Stopped`] when `stop` is set; [`ErrorKind::Network`] for a connection that was reset.
pub(crate) fn sniff(stream: &TcpStream, silence: Duration, stop: &AtomicBool) -> Result<Dialect, Error> {
    let dialect = wait_for_dialect(stream, silence, stop)?;
    // What is read from now on is read as it comes.
    set_receive_low_water(stream, 1).map_err(|error| lost(error.into()))?;
    Ok(dialect)
}

fn wait_for_dialect(stream: &TcpStream, silence: Duration, stop: &AtomicBool) -> Result<Dialect, Error> {
    let since = Instant::now();
    let mut seen = 0;
    loop {
        check_stop(stop, None)?;
        let left = silence.saturating_sub(since.elapsed());
        let is_ready = uninterrupted(|| wait_at_most(stream, &[Readiness::Readable], left.min(TICK)));
        if !is_ready.map_err(|error| lost(error.into()))? {
            if left.is_zero() {
                return Ok(if seen == 0 { Dialect::Silent } else { Dialect::Other });
            }
            continue;
        }
        let mut start = [0; START_LEN];
        let len = stream.peek(&mut start).map_err(lost)?;
        if len == 0 {
            return Ok(Dialect::Gone);
        }
        if let Some(dialect) = recognise(&start[..len]) {
            return Ok(dialect);
        }
        if len <= seen {
            // It is said to be readable, and has no more: that was its end.
            return Ok(Dialect::Other);
        }
        seen = len;
        // Otherwise what was seen already would end each wait at once.
        set_receive_low_water(stream, len + 1).map_err(|error| lost(error.into()))?;
    }
}

/// What bytes begin; `None` where more are needed to tell.
fn recognise(bytes: &[u8]) -> Option<Dialect> {
    match parse_greeting(bytes) {
        Ok(Some(_)) | Err(FrameError::UnknownVersion) => return Some(Dialect::Native),
        Ok(None) => return None,
        Err(_) => {}
    }
    // RFC 8446 section 5.1: a record of type handshake, of the version 3.
    if bytes.starts_with(&TLS_HANDSHAKE) {
        return Some(Dialect::Tls);
    }
    let mut may_become = TLS_HANDSHAKE.starts_with(bytes);
    for method in METHODS {
        match bytes.strip_prefix(method.as_bytes()) {
            // What a target begins with: a path, `*`, or a URL.
            Some([b'/' | b'*' | b'h' | b'H', ..]) => return Some(Dialect::Http),
            Some([]) => may_become = true,
            Some(_) => {}
            None => may_become |= method.as_bytes().starts_with(bytes),
        }
    }
    if may_become { None } else { Some(Dialect::Other) }
}

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Network, "the connection was lost before a word was said").because(error)
}

/// With the space that ends them. Bytes that merely begin so are taken for text of somebody's file.
const METHODS: [&str; 8] = ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "PROPFIND "];

const TLS_HANDSHAKE: [u8; 2] = [0x16, 3];

/// Longer than every beginning that tells.
const START_LEN: usize = 16;

#[cfg(test)]
mod tests;
