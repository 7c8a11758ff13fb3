//! What syncs cost: counted where they are made, for whoever watches from outside. The counts are of the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Syncs of files, directories and filesystems that came back, whatever they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// How many.
    pub count: u64,
    /// How long they took, each by itself: they may go on at the same time.
    pub time: Duration,
}

impl Syncs {
    /// Those of this process by now.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            count: COUNT.load(Ordering::Relaxed),
            time: Duration::from_nanos(NANOSECONDS.load(Ordering::Relaxed)),
        }
    }
}

/// Makes a sync, and counts it.
pub(crate) fn counted<T>(sync: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let synced = sync();
    let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    COUNT.fetch_add(1, Ordering::Relaxed);
    NANOSECONDS.fetch_add(nanoseconds, Ordering::Relaxed);
    synced
}

static COUNT: AtomicU64 = AtomicU64::new(0);
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
