//! Hashing beside receiving, while there is a core for it.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use aqueduct_store::{Follower, Staging};

use crate::workers::Workers;

/// Threads that hash what others receive. Where a core is idle, a blob arrives as fast as it is hashed, and not as slowly as
/// it is received and then hashed; where none is, handing over would only cost.
#[derive(Debug)]
pub(crate) struct Hashers {
    workers: Workers,
    /// Threads that can run at the same time.
    core_count: usize,
    /// Threads that receive the body of an HTTP request, and threads that hash beside them.
    busy_count: AtomicUsize,
}

impl Hashers {
    pub(crate) fn new(workers: Workers, core_count: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self { workers, core_count: core_count.get(), busy_count: AtomicUsize::new(0) })
    }

    /// How much there is to hash, in jobs.
    pub(crate) fn job_count(&self) -> usize {
        self.workers.job_count()
    }

    /// Counts as busy as long as what this returns is held.
    pub(crate) fn work(self: &Arc<Self>) -> Busy {
        self.busy_count.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    fn busy_count(&self) -> usize {
        self.busy_count.load(Ordering::Relaxed)
    }
}

/// A thread at work.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Hashers>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy_count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who hashes a blob on its way in.
#[derive(Debug, Default)]
pub(crate) struct Hashing {
    /// How much there was the last time that somebody looked for an idle core, or told who hashes beside that there is more.
    seen_len: u64,
    /// Otherwise it is whoever receives it.
    beside: Option<Beside>,
}

#[derive(Debug)]
struct Beside {
    /// Tells it that more has come, and by its end that this was all. Waits for a thread that is too far behind: what it
    /// hashes shall still be in memory.
    came: SyncSender<()>,
    hashed: Receiver<io::Result<Follower>>,
}

impl Hashing {
    /// What was received goes on to be hashed beside, or from here on in line, as there are cores. To be called by a thread
    /// that is counted as busy.
    pub(crate) fn settle(&mut self, hashers: &Arc<Hashers>, staging: &mut Staging) {
        let new_len = staging.len() - self.seen_len;
        match &self.beside {
            None if new_len >= LOOK_LEN => {
                self.seen_len = staging.len();
                if hashers.busy_count() < hashers.core_count {
                    self.beside = staging.lend_hash().map(|follower| Beside::start(hashers, follower));
                }
            }
            Some(_) if hashers.busy_count() > hashers.core_count => self.end(staging),
            Some(beside) if new_len >= TOLD_LEN => {
                self.seen_len = staging.len();
                if beside.came.send(()).is_err() {
                    self.end(staging);
                }
            }
            _ => {}
        }
    }

    /// Everything that came is hashed when this returns, unless it cannot be read: then it is not when the blob is verified,
    /// either.
    pub(crate) fn end(&mut self, staging: &mut Staging) {
        let Some(Beside { came, hashed }) = self.beside.take() else { return };
        drop(came);
        self.seen_len = staging.len();
        // There is none where the thread never ran, since the server stops, or has panicked.
        if let Ok(Ok(follower)) = hashed.recv() {
            let _ = staging.take_hash(follower);
        }
    }
}

impl Beside {
    fn start(hashers: &Arc<Hashers>, mut follower: Follower) -> Self {
        let (came, comes) = sync_channel(BEHIND_COUNT_MAX);
        let (hashes, hashed) = sync_channel(1);
        let busy = hashers.work();
        hashers.workers.leave(move || {
            let followed = follow(&mut follower, &comes);
            // Whoever sees an idle core finds nobody listening here any more.
            drop(comes);
            drop(busy);
            // Whoever gave the blob up does not listen.
            let _ = hashes.send(followed.map(|()| follower));
        });
        Self { came, hashed }
    }
}

/// Follows until there is no more, or too little for a while: a slow peer's blob is hashed in line.
fn follow(follower: &mut Follower, comes: &Receiver<()>) -> io::Result<()> {
    while let Ok(()) = comes.recv_timeout(SILENCE_TIME) {
        follower.follow()?;
    }
    Ok(())
}

/// Bytes after which a thread of its own is worth it, and looking for one costs nothing.
const LOOK_LEN: u64 = 4 << 20;

/// Bytes that are worth telling of.
const TOLD_LEN: u64 = 1 << 20;

/// How often [`TOLD_LEN`] it may be behind.
const BEHIND_COUNT_MAX: usize = 8;

/// A peer that takes longer for [`TOLD_LEN`] keeps no core busy.
const SILENCE_TIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
