//! How many lines large blobs take at a time, all together.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Each blob has a line, and more of them as long as there are fewer than `count_max`.
#[derive(Debug)]
pub(super) struct Slots {
    count: Mutex<usize>,
    count_max: usize,
    freed: Condvar,
}

/// A line that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(super) fn new(count_max: NonZeroUsize) -> Self {
        Self { count: Mutex::new(0), count_max: count_max.get(), freed: Condvar::new() }
    }

    /// How many lines there are at most if one blob has them all.
    pub(super) fn count_max(&self) -> usize {
        self.count_max
    }

    /// The first line of a blob, which it has in any case.
    pub(super) fn first(&self) -> Slot<'_> {
        *self.lock() += 1;
        Slot(self)
    }

    /// Waits for a further line as long as it is wanted, which is asked whenever another one was given back.
    pub(super) fn further(&self, is_wanted: impl Fn() -> bool) -> Option<Slot<'_>> {
        let is_taken = |count: &mut usize| *count >= self.count_max && is_wanted();
        let waited = self.freed.wait_while(self.lock(), is_taken);
        let mut count = waited.unwrap_or_else(PoisonError::into_inner);
        let is_free = *count < self.count_max && is_wanted();
        *count += usize::from(is_free);
        is_free.then(|| Slot(self))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.freed.notify_all();
    }
}
