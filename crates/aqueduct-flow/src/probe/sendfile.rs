//! Whether sendfile(2) sends the pages of a file, or a copy of them.
//!
//! A file is sent to a connection of this process with itself, overwritten, and then received: what arrives is what the
//! pages hold by then, or what they held before.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use aqueduct_sys::{Errno, errno_of, pwrite, sendfile};

use super::{BYTE, LEN};
use crate::uninterrupted;

/// What sendfile(2) does from a file into a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// The connection refers to the pages of the file: nothing was copied.
    ByReference,
    /// The connection has bytes of its own.
    ByCopy,
    /// It answered with this error.
    Refused(Errno),
    /// It could not be tried: this process cannot connect to itself, and why.
    Untried(io::ErrorKind),
}

/// Displays as `by reference`, `by copy`, or what the error says.
impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByReference => f.write_str("by reference"),
            Self::ByCopy => f.write_str("by copy"),
            Self::Refused(errno) => write!(f, "{}", io::Error::from(*errno)),
            Self::Untried(kind) => write!(f, "not tried, no connection over loopback: {kind}"),
        }
    }
}

/// Sends `source`, which it leaves overwritten.
pub(super) fn sent(source: &File) -> Sending {
    let untried = |error: io::Error| Sending::Untried(error.kind());
    let (ours, theirs) = match connection() {
        Ok(connection) => connection,
        Err(error) => return untried(error),
    };
    let len = match uninterrupted(|| sendfile(&ours, source, 0, LEN)) {
        Ok(0) => return Sending::Refused(Errno::NODATA),
        Ok(len) => len,
        Err(error) => return Sending::Refused(error.errno()),
    };
    match overwritten_before_received(source, len, theirs) {
        Ok(true) => Sending::ByReference,
        Ok(false) => Sending::ByCopy,
        Err(error) => errno_of(&error).map_or_else(|| untried(error), Sending::Refused),
    }
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
    // Whoever else connects meanwhile is let go.
    let theirs = loop {
        let (theirs, peer) = listener.accept()?;
        if peer == ours.local_addr()? {
            break theirs;
        }
    };
    ours.set_write_timeout(Some(TIMEOUT))?;
    theirs.set_read_timeout(Some(TIMEOUT))?;
    Ok((ours, theirs))
}

/// Loopback takes microseconds; a rule of a firewall that drops packets takes for ever.
const TIMEOUT: Duration = Duration::from_millis(250);
