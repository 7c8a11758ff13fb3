//! A pipe, by way of which bytes are spliced.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{SpliceFlags, pipe, set_pipe_len, splice};

/// As large as a user without privileges may have it.
pub(crate) struct Pipe {
    pub(crate) read_end: OwnedFd,
    pub(crate) write_end: OwnedFd,
}

impl Pipe {
    pub(crate) fn open() -> io::Result<Self> {
        let (read_end, write_end) = pipe()?;
        // EPERM beyond the user's share: it works all the same, in smaller pieces.
        let _ = set_pipe_len(&write_end, PIPE_LEN);
        Ok(Self { read_end, write_end })
    }

    /// Takes up to `len` bytes, of a file from `offset` on, and says how many.
    pub(crate) fn fill(&self, source: impl AsFd, offset: Option<u64>, len: usize) -> io::Result<usize> {
        let fill = || splice(&source, offset, &self.write_end, None, len, SpliceFlags::empty());
        Ok(uninterrupted(fill)?)
    }

    /// Gives away `len` bytes that it holds, to a file from `offset` on.
    pub(crate) fn drain(&self, target: impl AsFd, offset: Option<u64>, len: usize) -> io::Result<()> {
        let mut drained = 0;
        while drained < len {
            let offset = offset.map(|offset| offset + drained as u64);
            let drain = || splice(&self.read_end, None, &target, offset, len - drained, SpliceFlags::empty());
            drained += uninterrupted(drain)?;
        }
        Ok(())
    }
}

/// What the largest pipe holds of a user without privileges: pipe(7).
pub(crate) const PIPE_LEN: usize = 1 << 20;
