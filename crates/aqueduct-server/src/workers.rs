//! Threads that may wait for a disk, so that reactors need not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aqueduct_sys::set_thread_nice;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::Span;

use crate::close::Close;

/// A bounded crew of threads. Jobs wait in line where all are busy. Each connection of HTTP has at most one, and requests are
/// refused while the line is long: so it is bounded, too.
#[derive(Debug)]
pub(crate) struct Crew {
    runtime: Runtime,
    job_count: Arc<AtomicUsize>,
}

/// Where to hand in jobs.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    threads: Handle,
    /// Those that wait, and those that are being done.
    job_count: Arc<AtomicUsize>,
}

impl Crew {
    /// Threads start when they are needed, and end when they are not.
    pub(crate) fn new(name: &'static str, count_max: usize) -> io::Result<Self> {
        Self::of(Builder::new_current_thread().thread_name(name).max_blocking_threads(count_max))
    }

    /// The same, of threads that all others go before: what they do is much, and may wait.
    pub(crate) fn patient(name: &'static str, count_max: usize) -> io::Result<Self> {
        let give_way = || {
            // Whoever may not do that is as important as the others.
            let _ = set_thread_nice(NICE);
        };
        let mut builder = Builder::new_current_thread();
        Self::of(builder.thread_name(name).max_blocking_threads(count_max).on_thread_start(give_way))
    }

    fn of(threads: &mut Builder) -> io::Result<Self> {
        Ok(Self { runtime: threads.build()?, job_count: Arc::default() })
    }

    pub(crate) fn workers(&self) -> Workers {
        Workers { threads: self.runtime.handle().clone(), job_count: Arc::clone(&self.job_count) }
    }

    /// Waits for jobs that were begun, up to a limit, and begins no other.
    pub(crate) fn stop(self, timeout: Duration) {
        self.runtime.shutdown_timeout(timeout);
    }
}

impl Workers {
    /// Runs a job. One whose connection is gone meanwhile runs to its end all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Close> {
        // What the job writes down is written down for the request that waits for it.
        let span = Span::current();
        let job = self.counted(move || span.in_scope(job));
        self.threads.spawn_blocking(job).await.map_err(|_| Close::Bug)
    }

    /// How many jobs wait, or are being done.
    pub(crate) fn job_count(&self) -> usize {
        self.job_count.load(Ordering::Relaxed)
    }

    /// Has a job done that nobody waits for.
    pub(crate) fn leave(&self, job: impl FnOnce() + Send + 'static) {
        drop(self.threads.spawn_blocking(self.counted(job)));
    }

    fn counted<T, J: FnOnce() -> T>(&self, job: J) -> impl FnOnce() -> T + use<T, J> {
        let counted = Counted::new(&self.job_count);
        move || {
            let _counted = counted;
            job()
        }
    }
}

/// A job, from when it was handed in until it is done, or never will be.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A tenth of what the others get, where there is not enough for all: little, and never nothing. See sched(7).
const NICE: i32 = 10;

#[cfg(test)]
mod tests;
