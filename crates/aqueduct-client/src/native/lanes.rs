//! How many lines large blobs take at a time, all together.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Each blob has a line, and more of them as long as there are fewer than `count_max`.
#[derive(Debug)]
pub(super) struct Lanes {
    count: AtomicUsize,
    count_max: usize,
}

/// A line that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Lane<'a>(&'a Lanes);

impl Lanes {
    pub(super) fn new(count_max: NonZeroUsize) -> Self {
        Self { count: AtomicUsize::new(0), count_max: count_max.get() }
    }

    /// How many lines there are at most if one blob has them all.
    pub(super) fn count_max(&self) -> usize {
        self.count_max
    }

    /// The first line of a blob, which it has in any case.
    pub(super) fn first(&self) -> Lane<'_> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Lane(self)
    }

    /// A further line, unless there are as many as there may be.
    pub(super) fn further(&self) -> Option<Lane<'_>> {
        let add = |count| (count < self.count_max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok().then_some(Lane(self))
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}
