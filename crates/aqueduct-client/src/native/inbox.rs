//! Bytes that were received and not taken yet.

use std::io::{self, Read};
use std::net::TcpStream;

/// Grows with the longest head, and not with what comes through it.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Invariant: `start <= bytes.len()`.
    start: usize,
}

/// What there was to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    Some,
    NothingYet,
    /// The stream has ended.
    End,
}

impl Inbox {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    pub(super) fn take(&mut self, len: usize) {
        assert!(len <= self.bytes().len(), "no more is taken than was received");
        self.start += len;
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Receives up to `len` bytes from a stream that does not block.
    pub(super) fn fill(&mut self, mut stream: &TcpStream, len: usize) -> io::Result<Filled> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let held = self.bytes.len();
        self.bytes.resize(held + len, 0);
        let read = loop {
            match stream.read(&mut self.bytes[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(held + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Ok(Filled::End),
            Ok(_) => Ok(Filled::Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Filled::NothingYet),
            Err(error) => Err(error),
        }
    }
}
