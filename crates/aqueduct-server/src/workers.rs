//! Threads that may wait for a disk, so that reactors need not.

use std::io;
use std::time::Duration;

use aqueduct_sys::set_thread_nice;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::close::Close;

/// A bounded crew of threads. Jobs wait in line where all are busy; each connection has at most one, so that the line is
/// bounded, too.
#[derive(Debug)]
pub(crate) struct Crew(Runtime);

/// Where to hand in jobs.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Handle);

impl Crew {
    /// Threads start when they are needed, and end when they are not.
    pub(crate) fn new(name: &'static str, count_max: usize) -> io::Result<Self> {
        Builder::new_current_thread().thread_name(name).max_blocking_threads(count_max).build().map(Self)
    }

    /// The same, of threads that all others go before: what they do is much, and may wait.
    pub(crate) fn patient(name: &'static str, count_max: usize) -> io::Result<Self> {
        let give_way = || {
            // Whoever may not do that is as important as the others.
            let _ = set_thread_nice(NICE);
        };
        let mut builder = Builder::new_current_thread();
        builder.thread_name(name).max_blocking_threads(count_max).on_thread_start(give_way).build().map(Self)
    }

    pub(crate) fn workers(&self) -> Workers {
        Workers(self.0.handle().clone())
    }

    /// Waits for jobs that were begun, up to a limit, and begins no other.
    pub(crate) fn stop(self, timeout: Duration) {
        self.0.shutdown_timeout(timeout);
    }
}

impl Workers {
    /// Runs a job. One whose connection is gone meanwhile runs to its end all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Close> {
        self.0.spawn_blocking(job).await.map_err(|_| Close::Bug)
    }

    /// Has a job done that nobody waits for.
    pub(crate) fn leave(&self, job: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn_blocking(job));
    }
}

/// A tenth of what the others get, where there is not enough for all: little, and never nothing. See sched(7).
const NICE: i32 = 10;

#[cfg(test)]
mod tests;
