//! getrusage(2).

use std::mem::MaybeUninit;
use std::time::Duration;

/// What a thread or the process has used since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time in user space. Together with `system` it is precise only up to the last tick of the scheduler.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// How often it gave up the processor because it had to wait.
    pub voluntary_switch_count: u64,
    /// How often the processor was taken from it.
    pub forced_switch_count: u64,
}

/// What this thread has used (`RUSAGE_THREAD`).
#[must_use]
pub fn thread_usage() -> Usage {
    usage(libc::RUSAGE_THREAD)
}

/// What all threads of this process have used (`RUSAGE_SELF`), those that have ended among them.
#[must_use]
pub fn process_usage() -> Usage {
    usage(libc::RUSAGE_SELF)
}

fn usage(whose: libc::c_int) -> Usage {
    let mut found = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage(2) wants `usage` to point to a `struct rusage` that it may write: `found` is one.
    let answer = unsafe { libc::getrusage(whose, found.as_mut_ptr()) };
    assert_eq!(answer, 0, "getrusage(2) fails for bad addresses and unknown targets alone");
    // SAFETY: `assume_init` wants an initialised value: integers were zeroed, and getrusage(2) has filled them.
    let found = unsafe { found.assume_init() };
    Usage {
        user: duration(found.ru_utime),
        system: duration(found.ru_stime),
        voluntary_switch_count: count(found.ru_nvcsw),
        forced_switch_count: count(found.ru_nivcsw),
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(count(time.tv_sec)) + Duration::from_micros(count(time.tv_usec))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).expect("the kernel counts upwards from 0")
}
