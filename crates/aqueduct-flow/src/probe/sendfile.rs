//! Whether sendfile(2) sends the pages of a file, or a copy of them.
//!
//! A file is sent to a connection of this process with itself, overwritten, and then received: what arrives is what the
//! pages hold by then, or what they held before.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use aqueduct_sys::{Errno, Readiness, errno_of, pwrite, sendfile, wait_at_most};

use super::tried::refuses;
use super::{BYTE, LEN, Tried};
use crate::uninterrupted;

/// What sendfile(2) does from a file into a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// The connection refers to the pages of the file: nothing was copied.
    ByReference,
    /// The connection has bytes of its own.
    ByCopy,
    /// It answered with this error, which says that there is no such way here.
    Refused(Errno),
    /// It could not be tried, and why; as where this process cannot connect to itself.
    Untried(Errno),
}

/// Displays as `by reference`, `by copy`, what the error says, or `not tried` and what the error says.
impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByReference => f.write_str("by reference"),
            Self::ByCopy => f.write_str("by copy"),
            Self::Refused(errno) => Tried::Refused(*errno).fmt(f),
            Self::Untried(errno) => Tried::Untried(*errno).fmt(f),
        }
    }
}

/// Sends `source`, which it leaves overwritten.
pub(super) fn sent(source: &File) -> Sending {
    try_sending(source).unwrap_or_else(|error| Sending::Untried(reason(&error)))
}

fn try_sending(source: &File) -> io::Result<Sending> {
    let (ours, theirs) = connection()?;
    let len = match uninterrupted(|| sendfile(&ours, source, 0, LEN)) {
        Ok(0) => return Ok(Sending::Refused(Errno::NODATA)),
        Ok(len) => len,
        Err(error) if refuses(error.errno()) => return Ok(Sending::Refused(error.errno())),
        Err(error) => return Err(error.into()),
    };
    Ok(match overwritten_before_received(source, len, theirs)? {
        true => Sending::ByReference,
        false => Sending::ByCopy,
    })
}

/// The errno of what went wrong: the standard library has none for what it found out by itself.
pub(super) fn reason(error: &io::Error) -> Errno {
    errno_of(error).unwrap_or(match error.kind() {
        io::ErrorKind::TimedOut => Errno::TIMEDOUT,
        _ => Errno::IO,
    })
}

/// Whether the `len` bytes that were sent arrive as what `source` holds only now.
pub(super) fn overwritten_before_received(
    source: &File,
    len: usize,
    mut theirs: impl Read,
) -> io::Result<bool> {
    uninterrupted(|| pwrite(source, &[!BYTE; LEN], 0))?;
    let mut received = vec![0; len];
    theirs.read_exact(&mut received)?;
    Ok(received.contains(&!BYTE))
}

/// Both ends of a TCP connection of this process with itself.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect_timeout(&listener.local_addr()?, TIMEOUT)?;
    let theirs = accepted(&listener, ours.local_addr()?, TIMEOUT)?;
    ours.set_write_timeout(Some(TIMEOUT))?;
    theirs.set_read_timeout(Some(TIMEOUT))?;
    Ok((ours, theirs))
}

/// The other end of what `peer` connected, if that is in the queue before `time` has passed: a filter may keep the last
/// step of the handshake from the listener. Whoever else connects meanwhile is let go.
pub(super) fn accepted(listener: &TcpListener, peer: SocketAddr, time: Duration) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let began = Instant::now();
    loop {
        match listener.accept() {
            Ok((theirs, from)) if from == peer => return Ok(theirs),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let left = || time.saturating_sub(began.elapsed());
        if !uninterrupted(|| wait_at_most(listener, &[Readiness::Readable], left()))? || left().is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// Loopback takes microseconds; a rule of a firewall that drops packets takes for ever.
const TIMEOUT: Duration = Duration::from_millis(250);
