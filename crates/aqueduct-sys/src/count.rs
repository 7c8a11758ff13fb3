//! How many calls were made.

use std::cell::Cell;

/// How many system calls this thread has made through this crate, those that failed among them.
///
/// Whoever asks before and after some work knows what it took: a mover cannot count for itself what the loops under it do.
#[must_use]
pub fn calls_made() -> u64 {
    MADE.get()
}

pub(crate) fn add() {
    // At thread exit nobody counts any more.
    let _ = MADE.try_with(|made| made.set(made.get().wrapping_add(1)));
}

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
}
