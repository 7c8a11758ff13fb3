//! clock_gettime(2).

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Timestamp;

/// The wall clock that the kernel stamps files by, a few milliseconds coarse: `CLOCK_REALTIME_COARSE` in
/// clock_gettime(2).
///
/// A file changed after this call never carries an earlier time (while nobody sets the clock back), but may carry the same.
/// One changed before may carry a time later by less than a tick: since Linux 6.13 stamps are finer for files whose times
/// someone has looked at.
#[must_use]
pub fn realtime_coarse() -> Timestamp {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let nanoseconds = u32::try_from(now.tv_nsec).expect("the kernel keeps nanoseconds below a second");
    Timestamp { seconds: now.tv_sec, nanoseconds }
}

/// How long the system runs, as far as it was awake: the clock that several processes measure by, `CLOCK_MONOTONIC` in
/// clock_gettime(2).
#[must_use]
pub fn monotonic() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().expect("this clock begins at 0 and goes forwards")
}
