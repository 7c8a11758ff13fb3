//! One thread at a time for each blob, or each upload.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::poison::lock;

/// Work that is done once for whoever wants it: the others wait, and find it done.
#[derive(Debug)]
pub(crate) struct Turns<Name> {
    /// As many as there are threads at work.
    taken: Mutex<HashSet<Name>>,
    ended: Condvar,
}

/// A turn at what has this name. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a, Name: Copy + Eq + Hash> {
    turns: &'a Turns<Name>,
    name: Name,
}

impl<Name: Copy + Eq + Hash> Turns<Name> {
    /// Waits until nobody else is at work on what has this name.
    pub(crate) fn take(&self, name: Name) -> Turn<'_, Name> {
        let mut taken = lock(&self.taken);
        while !taken.insert(name) {
            taken = self.ended.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, name }
    }
}

impl<Name> Default for Turns<Name> {
    fn default() -> Self {
        Self { taken: Mutex::default(), ended: Condvar::new() }
    }
}

impl<Name: Copy + Eq + Hash> Drop for Turn<'_, Name> {
    fn drop(&mut self) {
        lock(&self.turns.taken).remove(&self.name);
        self.turns.ended.notify_all();
    }
}
