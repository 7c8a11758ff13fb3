//! How time is given out, and what more work would probably take. Nothing here knows a clock: what has passed is told to
//! it.

use std::time::Duration;

use crate::report::seconds_text;

/// How time is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) time: Duration,
    /// No sample takes more than this part of the time.
    share_count: u32,
}

impl Pace {
    /// For so many cases: few may take long each.
    pub(crate) fn new(time: Duration, case_count: usize) -> Self {
        let share_count = u32::try_from(case_count).unwrap_or(u32::MAX).clamp(1, SHARE_COUNT_MAX);
        Self { time, share_count }
    }

    /// Whether there is time for what will probably take so long.
    pub(crate) fn has_time(self, passed: Duration, expected: Duration) -> bool {
        passed.saturating_add(expected) <= self.time
    }

    /// Whether that is no more than one sample may take.
    pub(crate) fn is_within_share(self, expected: Duration) -> bool {
        expected <= self.share()
    }

    fn share(self) -> Duration {
        self.time / self.share_count
    }

    /// Why a sample of which more is expected than its share is not begun.
    pub(crate) fn beyond_share(self) -> String {
        format!("it would probably take more than {}, its share of the time", seconds_text(self.share()))
    }
}

/// What an arm took at the last two sizes, and so what it will take at another: so much for any operation, and so much for
/// each byte.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Experience {
    before: Option<Point>,
    last: Option<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    size: f64,
    /// Of one operation.
    seconds: f64,
}

/// How much is known of what an operation will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    Unknown,
    /// One size was measured: no more than this, if a byte takes no longer than it did there.
    AtMost(Duration),
    About(Duration),
}

impl Experience {
    /// An operation of this size took so long. Of two in a row at one size the later counts.
    pub(crate) fn learn(&mut self, size: u64, took: Duration) {
        let point = Point { size: as_f64(size), seconds: took.as_secs_f64() };
        if self.last.is_none_or(|last| last.size < point.size) {
            self.before = self.last;
        }
        self.last = Some(point);
    }

    /// What an operation of this size, no smaller than the last, will probably take.
    pub(crate) fn outlook(&self, size: u64) -> Outlook {
        let size = as_f64(size);
        match (self.before, self.last) {
            (_, None) => Outlook::Unknown,
            (None, Some(last)) => Outlook::AtMost(seconds(last.seconds / last.size.max(1.0) * size)),
            (Some(before), Some(last)) => {
                let per_byte = ((last.seconds - before.seconds) / (last.size - before.size)).max(0.0);
                Outlook::About(seconds(last.seconds + per_byte * (size - last.size).max(0.0)))
            }
        }
    }
}

/// What it took to write and read what is worked on: the first guess at what any work with as many bytes takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    len: u64,
    took: Duration,
}

impl Rate {
    pub(crate) fn learn(&mut self, len: u64, took: Duration) {
        self.len += len;
        self.took += took;
    }

    /// Nothing, where nothing is known.
    pub(crate) fn expected(self, len: u64) -> Duration {
        seconds(self.took.as_secs_f64() / as_f64(self.len.max(1)) * as_f64(len))
    }
}

/// No longer than can be told.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Usually there are some hundred samples, and each round wants its time.
const SHARE_COUNT_MAX: u32 = 40;

#[cfg(test)]
mod tests;
