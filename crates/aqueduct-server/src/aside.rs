//! A connection that its reactor does not look after, because a worker does.
//!
//! While a reactor looks after a socket it is woken by every segment that comes, also while a worker receives from it. And
//! with a peer that is quick, a worker that hands the connection back for want of bytes has it again in a moment.

use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use aqueduct_sys::{Readiness, set_receive_low_water, wait_at_most};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

/// Where a body comes from.
pub(crate) trait Source: AsFd {
    /// Whether there is more at once, or after a wait that is shorter than a hand-over; or the end, or an error. `len` bytes at
    /// least are still to come.
    fn wait(&mut self, len: usize) -> bool;
}

impl Source for TcpStream {
    /// Its reactor waits.
    fn wait(&mut self, _len: usize) -> bool {
        false
    }
}

/// A socket that no reactor hears of.
#[derive(Debug)]
pub(crate) struct Aside {
    stream: StdStream,
    /// How many bytes make it readable.
    low_water: usize,
}

impl Aside {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self { stream: stream.into_std()?, low_water: LOW_WATER_AT_FIRST })
    }

    /// Gives it back. `reactor` is the one that it was taken from.
    pub(crate) fn back(mut self, reactor: &Handle) -> io::Result<TcpStream> {
        self.set_low_water(LOW_WATER_AT_FIRST)?;
        let _context = reactor.enter();
        TcpStream::from_std(self.stream)
    }

    fn set_low_water(&mut self, len: usize) -> io::Result<()> {
        if self.low_water != len {
            set_receive_low_water(&self.stream, len)?;
            self.low_water = len;
        }
        Ok(())
    }
}

impl Source for Aside {
    /// What goes wrong here does so again when the socket is read.
    fn wait(&mut self, len: usize) -> bool {
        self.set_low_water(len.min(LOW_WATER_LEN_MAX)).is_ok()
            && wait_at_most(&self.stream, &[Readiness::Readable], WAIT_TIME).unwrap_or(false)
    }
}

impl AsFd for Aside {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Any byte: socket(7).
const LOW_WATER_AT_FIRST: usize = 1;

/// Worth waking up for, while more come soon: half a pipe.
const LOW_WATER_LEN_MAX: usize = 512 << 10;

/// A peer that brings less than [`LOW_WATER_LEN_MAX`] meanwhile keeps no worker waiting.
const WAIT_TIME: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests;
