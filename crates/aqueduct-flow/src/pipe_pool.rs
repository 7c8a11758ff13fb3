//! Pipes that belong to the thread, not to a connection.
//!
//! Each pipe of 1 MiB takes 256 of the 16,384 pages that pipe(7) grants a user without privileges; beyond them a new
//! pipe has two slots and cannot grow. So each thread keeps a few, and no connection keeps one between steps.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use aqueduct_sys::{Result, SpliceFlags, pipe, pipe_len, set_pipe_len, splice};

use crate::uninterrupted;

/// An empty pipe, borrowed from this thread's pool. When dropped it goes back, emptied first if it holds bytes.
pub(crate) struct PooledPipe {
    /// Always `Some` until `drop` takes it.
    pipe: Option<Pipe>,
    /// How many bytes are in the pipe.
    held: usize,
}

pub(crate) struct Pipe {
    read_end: OwnedFd,
    write_end: OwnedFd,
    /// The capacity in bytes if every slot holds a full page.
    len: usize,
}

impl PooledPipe {
    /// # Errors
    ///
    /// EMFILE or ENFILE at the limits on descriptors, when the pool has none to give.
    pub(crate) fn take() -> Result<Self> {
        let pipe = match POOL.with_borrow_mut(|pool| pool.pipes.pop()) {
            Some(pipe) => pipe,
            None => Pipe::open()?,
        };
        Ok(Self { pipe: Some(pipe), held: 0 })
    }

    /// The most bytes it can hold; small pieces fill its slots with fewer.
    pub(crate) fn len(&self) -> usize {
        self.pipe().len
    }

    /// How many bytes it holds.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// The end to read from; whoever reads says how much with [`Self::drained`].
    pub(crate) fn read_end(&self) -> BorrowedFd<'_> {
        self.pipe().read_end.as_fd()
    }

    /// Notes that `len` bytes were read from the read end.
    pub(crate) fn drained(&mut self, len: usize) {
        assert!(len <= self.held, "a pipe gives no more than it was given");
        self.held -= len;
    }

    /// Splices up to `len` bytes from `source` into the empty pipe; 0 is the end of the source.
    ///
    /// The pipe is empty and so never the side that is not ready: EAGAIN means `source`. No `SPLICE_F_NONBLOCK`, which
    /// would make a blocking Unix socket answer EAGAIN.
    pub(crate) fn fill(&mut self, source: BorrowedFd<'_>, offset: Option<u64>, len: usize) -> Result<usize> {
        assert_eq!(self.held, 0, "a pipe is filled when it is empty");
        let write_end = &self.pipe().write_end;
        let filled = uninterrupted(|| splice(source, offset, write_end, None, len, SpliceFlags::empty()))?;
        self.held = filled;
        Ok(filled)
    }

    /// Splices up to all it holds to `target`. The pipe is not empty, so EAGAIN means `target`.
    pub(crate) fn drain(&mut self, target: BorrowedFd<'_>, offset: Option<u64>, more: bool) -> Result<usize> {
        assert!(self.held > 0, "a pipe is drained when it holds bytes");
        let flags = if more { SpliceFlags::MORE } else { SpliceFlags::empty() };
        let drained = uninterrupted(|| splice(self.read_end(), None, target, offset, self.held, flags))?;
        self.drained(drained);
        Ok(drained)
    }

    fn pipe(&self) -> &Pipe {
        self.pipe.as_ref().expect("a pipe is borrowed until it is dropped")
    }

    /// Throws away what is in the pipe, by way of /dev/null: splice(2) there frees pages without touching them.
    fn discard(&mut self, null: &File) -> Result<()> {
        while self.held > 0 && self.drain(null.as_fd(), None, false)? > 0 {}
        Ok(())
    }
}

impl Drop for PooledPipe {
    fn drop(&mut self) {
        // At thread exit the pool may be gone first: then the pipe is simply closed.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if self.held > 0
                && let Some(null) = pool.null()
            {
                // If this fails the pipe still holds bytes, and is closed below.
                let _ = self.discard(null);
            }
            if self.held == 0 && pool.pipes.len() < POOL_COUNT_MAX {
                pool.pipes.extend(self.pipe.take());
            }
        });
    }
}

impl Pipe {
    pub(crate) fn open() -> Result<Self> {
        let (read_end, write_end) = pipe()?;
        // EPERM beyond the user's share: a pipe of any size works, only slower.
        let _ = set_pipe_len(&write_end, PIPE_LEN);
        let len = pipe_len(&write_end)?;
        Ok(Self { read_end, write_end, len })
    }

    /// How many bytes it holds.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[derive(Default)]
struct Pool {
    pipes: Vec<Pipe>,
    null: Option<File>,
}

impl Pool {
    /// /dev/null, opened at its first use; `None` where there is none.
    fn null(&mut self) -> Option<&File> {
        if self.null.is_none() {
            self.null = File::options().write(true).open("/dev/null").ok();
        }
        self.null.as_ref()
    }
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// The most a user without privileges may ask for: /proc/sys/fs/pipe-max-size, pipe(7).
pub(crate) const PIPE_LEN: usize = 1024 * 1024;

/// A step uses one pipe; a second is in use only while an observer steps another mover.
const POOL_COUNT_MAX: usize = 2;

#[cfg(test)]
mod tests;
