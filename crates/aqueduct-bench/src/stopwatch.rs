//! The time something took.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Runs from its making on.
pub(crate) struct Stopwatch {
    began: Instant,
    cpu_before: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { cpu_before: cpu_time(), began: Instant::now() }
    }

    pub(crate) fn stop(self) -> Taken {
        Taken { wall: self.began.elapsed(), cpu: cpu_time() - self.cpu_before }
    }
}

/// What was taken from the clock on the wall, and from all cores together in and for this process.
pub(crate) struct Taken {
    wall: Duration,
    cpu: Duration,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wall_s={:.6} cpu_s={:.6}", self.wall.as_secs_f64(), self.cpu.as_secs_f64())
    }
}

/// In nanoseconds where getrusage(2) counts microseconds and /proc counts ticks; see clock_gettime(2).
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a process has used no negative time")
}
