//! Bytes that arrived and were not looked at yet.

use std::io;
use std::os::fd::AsFd;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::read;

use crate::scratch::with_scratch;

/// What was read from a peer beyond what was needed: the beginning of a body, or of the next request.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Invariant: `taken <= bytes.len()`, and less where `bytes` is not empty.
    taken: usize,
}

impl Inbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.bytes.extend_from_slice(bytes);
    }

    /// Reads up to `len_max` bytes more, without waiting. The end is an error: who calls this was promised more.
    pub(crate) fn read_now(&mut self, stream: &impl AsFd, len_max: usize) -> io::Result<usize> {
        with_scratch(len_max, |scratch| {
            let filled = uninterrupted(|| read(stream, &mut *scratch))?;
            self.push(&scratch[..filled]);
            if filled == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(filled) }
        })
    }

    /// Takes `len` bytes off the front.
    pub(crate) fn take(&mut self, len: usize) {
        assert!(len <= self.bytes().len(), "no more is taken than is there");
        self.taken += len;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
    }

    /// Gives the memory back, which must be empty: a connection that waits holds none.
    pub(crate) fn release(&mut self) {
        assert!(self.is_empty(), "only an empty inbox is released");
        *self = Self::default();
    }

    fn compact(&mut self) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests;
