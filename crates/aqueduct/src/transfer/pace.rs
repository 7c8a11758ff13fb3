//! How fast it goes now.

use std::collections::VecDeque;
use std::time::Duration;

use crate::text;

/// A rate over the last seconds: what went before says nothing of when it will be done.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When, and how many bytes there were: neither falls.
    samples: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Bytes a second, now that there are `done` of them. Where there are fewer than before, something else was begun.
    pub(super) fn at(&mut self, now: Duration, done: u64) -> u64 {
        if self.samples.back().is_some_and(|(_, before)| *before > done) {
            self.samples.clear();
        }
        self.samples.push_back((now, done));
        // The oldest one that is left is as old as the window, or older.
        while self.samples.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
            self.samples.pop_front();
        }
        let (since, before) = self.samples.front().copied().unwrap_or((now, done));
        text::rate(done - before, now.saturating_sub(since).as_secs_f64())
    }
}

/// Long enough that a pause of the disk is no end of the world.
const WINDOW: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests;
