//! Hashing behind whoever writes.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct_blob::Hasher;
use aqueduct_flow::show_copied;

use super::Staging;

/// The hash of a [`Staging`], lent to another thread, which hashes what was staged while more is.
#[must_use = "without it the blob is read once more"]
pub struct Follower {
    file: Arc<File>,
    /// How far the staging has come.
    staged: Arc<AtomicU64>,
    hasher: Hasher,
}

impl Follower {
    /// Hashes what was staged by now and not hashed yet.
    ///
    /// # Errors
    /// Where it cannot be read back.
    pub fn follow(&mut self) -> io::Result<()> {
        let Self { file, staged, hasher } = self;
        // What lies beyond may be written at this moment.
        let end = staged.load(Ordering::Acquire);
        show_copied(file, hasher.size()..end, &mut |bytes| hasher.update(bytes))
    }
}

impl Staging {
    /// Lends its hash, if it has it: if every byte was shown so far, and nobody else follows.
    pub fn lend_hash(&mut self) -> Option<Follower> {
        let hasher = self.hasher.take()?;
        let staged = Arc::new(AtomicU64::new(self.len));
        self.lent = Some(Arc::clone(&staged));
        Some(Follower { file: Arc::clone(&self.file), staged, hasher })
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
        self.lent = None;
        follower.follow()?;
        self.hasher = Some(follower.hasher);
        Ok(())
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("len", &self.hasher.size()).finish_non_exhaustive()
    }
}
