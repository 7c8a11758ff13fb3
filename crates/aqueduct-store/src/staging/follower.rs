//! Hashing behind whoever writes.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use aqueduct_blob::Hasher;
use aqueduct_flow::show;

use super::Staging;

/// The hash of a [`Staging`], lent to another thread, which hashes what was staged while more is.
#[must_use = "without it the blob is read once more"]
pub struct Follower {
    file: Arc<File>,
    hasher: Hasher,
}

impl Follower {
    /// Hashes the staged bytes before `end` that were not hashed yet.
    ///
    /// # Errors
    /// Where they cannot be read back, or there are none.
    pub fn follow(&mut self, end: u64) -> io::Result<()> {
        let Self { file, hasher } = self;
        while hasher.size() < end {
            let range = hasher.size()..end.min(hasher.size() + SHOWN_LEN_MAX);
            show(file, range, &mut |bytes| hasher.update(bytes))?;
        }
        Ok(())
    }
}

impl Staging {
    /// Lends its hash, if it has it: if every byte was shown so far, and nobody else follows.
    pub fn lend_hash(&mut self) -> Option<Follower> {
        let hasher = self.hasher.take()?;
        Some(Follower { file: Arc::clone(&self.file), hasher })
    }

    /// Takes its hash back, and hashes what is still missing. What is never taken back, or cannot be, is read back when the
    /// blob is verified.
    ///
    /// # Errors
    /// As [`Follower::follow`].
    ///
    /// # Panics
    /// If it follows another.
    pub fn take_hash(&mut self, mut follower: Follower) -> io::Result<()> {
        assert!(Arc::ptr_eq(&self.file, &follower.file), "a hash goes back to where it is from");
        follower.follow(self.len)?;
        self.hasher = Some(follower.hasher);
        Ok(())
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("len", &self.hasher.size()).finish_non_exhaustive()
    }
}

/// What is mapped at once.
const SHOWN_LEN_MAX: u64 = 1 << 20;
