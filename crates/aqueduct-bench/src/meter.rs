//! What work took.

use std::io;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use aqueduct_sys::{calls_made, process_usage, thread_usage};
use rustix::time::{ClockId, clock_gettime};

/// What some operations of one size took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many operations.
    pub operations: u64,
    /// Bytes moved, in all.
    pub bytes: u64,
    /// From the first byte to the last one's arrival.
    pub wall: Duration,
    /// What the moving threads took.
    pub spent: Spent,
    /// Processor time of the busiest of them.
    pub busiest_cpu: Duration,
    /// Processor time of the other end, which is no part of what is measured.
    pub far_cpu: Duration,
}

/// What threads took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Processor time, in user space and in the kernel.
    pub cpu: Duration,
    /// System calls.
    pub calls: u64,
    /// Context switches: waits, and times that the processor was taken away.
    pub switches: u64,
}

impl Spent {
    /// What this thread takes for `work`.
    pub(crate) fn by<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (before, calls) = (Self::of_thread(), calls_made());
        let done = work();
        let after = Self::of_thread();
        let calls = calls_made() - calls;
        (done, Self { calls, cpu: after.cpu - before.cpu, switches: after.switches - before.switches })
    }

    /// What all threads of this process together take for `work`. Calls are counted by thread, and so are not known.
    fn by_all<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let before = Self::of_process();
        let done = work();
        let after = Self::of_process();
        (done, Self { calls: 0, cpu: after.cpu - before.cpu, switches: after.switches - before.switches })
    }

    /// The clock is exact to the nanosecond, where getrusage(2) tells of the last tick; see clock_gettime(2).
    fn of_thread() -> Self {
        let usage = thread_usage();
        let switches = usage.voluntary_switch_count + usage.forced_switch_count;
        Self { cpu: cpu_time(ClockId::ThreadCPUTime), calls: 0, switches }
    }

    fn of_process() -> Self {
        let usage = process_usage();
        let switches = usage.voluntary_switch_count + usage.forced_switch_count;
        Self { cpu: cpu_time(ClockId::ProcessCPUTime), calls: 0, switches }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.calls += other.calls;
        self.switches += other.switches;
    }
}

/// Adds up what a thread's pieces of work took; what lies between them is not counted.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    wall: Duration,
    spent: Spent,
    busiest_cpu: Duration,
}

impl Meter {
    pub(crate) fn run<T>(&mut self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let began = Instant::now();
        let (done, spent) = Spent::by(work);
        self.wall += began.elapsed();
        self.spent += spent;
        self.busiest_cpu += spent.cpu;
        done
    }

    /// For work that shares itself out to so many threads, while no other thread of the process does anything.
    pub(crate) fn run_all<T>(
        &mut self,
        thread_count: u32,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let began = Instant::now();
        let (done, spent) = Spent::by_all(work);
        self.wall += began.elapsed();
        self.spent += spent;
        self.busiest_cpu += spent.cpu / thread_count;
        done
    }

    /// Adds what another moving thread took at the same time.
    pub(crate) fn add(&mut self, spent: Spent) {
        self.spent += spent;
        self.busiest_cpu = self.busiest_cpu.max(spent.cpu);
    }

    pub(crate) fn sample(self, operations: u64, size: u64, far_cpu: Duration) -> Sample {
        Sample {
            operations,
            bytes: operations * size,
            wall: self.wall,
            spent: self.spent,
            busiest_cpu: self.busiest_cpu,
            far_cpu,
        }
    }
}

fn cpu_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).expect("nobody has used negative time")
}
