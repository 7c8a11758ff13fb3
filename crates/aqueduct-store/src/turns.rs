//! One thread at a time for each blob.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use aqueduct_blob::Digest;

use crate::poison::lock;

/// Work that is done once for whoever wants it: the others wait, and find it done.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// As many as there are threads at work.
    taken: Mutex<HashSet<Digest>>,
    ended: Condvar,
}

/// A turn at a blob. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    digest: Digest,
}

impl Turns {
    /// Waits until nobody else is at work on this blob.
    pub(crate) fn take(&self, digest: &Digest) -> Turn<'_> {
        let mut taken = lock(&self.taken);
        while !taken.insert(*digest) {
            taken = self.ended.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, digest: *digest }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.turns.taken).remove(&self.digest);
        self.turns.ended.notify_all();
    }
}
