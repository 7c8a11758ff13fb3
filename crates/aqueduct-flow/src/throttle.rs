//! A bound on bytes in a time, over all threads.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Spreads bytes over time, so that they are no more in any second than was allowed.
///
/// It does not wait itself: whoever asks is told for how long to, in whatever way can be ended early. Time is told to it.
#[derive(Debug)]
pub struct Throttle {
    /// Invariant: not zero.
    per_second: AtomicU64,
    /// When what was taken so far will have had its time.
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Allows so many bytes a second.
    #[must_use]
    pub const fn new(per_second: NonZeroU64) -> Self {
        Self { per_second: AtomicU64::new(per_second.get()), free_at: Mutex::new(None) }
    }

    /// Allows so many bytes a second from the next piece on.
    pub fn set_rate(&self, per_second: NonZeroU64) {
        self.per_second.store(per_second.get(), Ordering::Relaxed);
    }

    /// Takes `len` bytes, and tells how long to wait before they are moved. Time in which nobody took anything is not made up
    /// for, so that no burst follows a pause.
    pub fn take(&self, len: u64, now: Instant) -> Duration {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free_at.map_or(now, |free_at| free_at.max(now));
        let nanoseconds = u128::from(len) * NANOSECONDS / u128::from(self.per_second.load(Ordering::Relaxed));
        let takes = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)).min(TAKES_MAX);
        *free_at = Some(start + takes);
        start - now
    }
}

const NANOSECONDS: u128 = 1_000_000_000;

/// What one piece takes at most, at whatever rate: no clock overflows.
const TAKES_MAX: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests;
