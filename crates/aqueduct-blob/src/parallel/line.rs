//! The segments that no thread has taken yet.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lanes::Lanes;

/// Gives out each segment of a blob once, in their order.
pub(super) struct Line {
    next: AtomicU64,
    count: u64,
    /// As many as `lanes` has, or what is left.
    at_once: u64,
    /// From how many on that are left several are given out at once.
    enough: u64,
}

impl Line {
    pub(super) fn new(count: u64, threads: NonZeroUsize, lanes: Lanes) -> Self {
        // What one thread takes at once the others do not get. They would be idle in the end, unless what is left keeps
        // each of them busy for as long.
        let enough = (lanes.worth() as u64).saturating_mul(threads.get() as u64);
        Self { next: AtomicU64::new(0), count, at_once: lanes.count() as u64, enough }
    }

    /// Takes a few segments, or one, or none when none is left. Several are full, and none of them is the blob's last.
    pub(super) fn take(&self) -> Range<u64> {
        let mut taken = 0..0;
        let advanced = self.next.try_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            taken = next..next + self.share(next);
            (!taken.is_empty()).then_some(taken.end)
        });
        if advanced.is_ok() { taken } else { 0..0 }
    }

    /// How many segments are given out together from `next` on.
    fn share(&self, next: u64) -> u64 {
        // The last one ends in the digest, and may be shorter: it goes alone.
        let inner = self.count.saturating_sub(next + 1);
        if inner >= self.enough { inner.min(self.at_once) } else { (self.count - next).min(1) }
    }
}

#[cfg(test)]
mod tests;
