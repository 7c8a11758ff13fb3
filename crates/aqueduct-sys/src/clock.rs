//! clock_gettime(2).

use rustix::time::{ClockId, clock_gettime};

use crate::Timestamp;

/// The wall clock as the kernel stamps files with it: a few milliseconds coarse, and never behind a timestamp that a
/// file already carries (while nobody sets the clock).
///
/// `CLOCK_REALTIME_COARSE` in clock_gettime(2).
#[must_use]
pub fn realtime_coarse() -> Timestamp {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let nanoseconds = u32::try_from(now.tv_nsec).expect("the kernel keeps nanoseconds below a second");
    Timestamp { seconds: now.tv_sec, nanoseconds }
}
