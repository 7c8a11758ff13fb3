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
    /// Threads that receive a blob, and threads that hash beside them.
    busy_count: AtomicUsize,
}

impl Hashers {
    pub(crate) fn new(workers: Workers, core_count: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self { workers, core_count: core_count.get(), busy_count: AtomicUsize::new(0) })
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
    /// Where to look next whether a core is idle.
    look_at: u64,
    /// Otherwise it is whoever receives it.
    beside: Option<Beside>,
}

#[derive(Debug)]
struct Beside {
    /// Tells how far the blob has come, and by its end that this was all. Waits for a thread that is too far behind: what
    /// it hashes shall still be in memory.
    came: SyncSender<u64>,
    hashed: Receiver<io::Result<Follower>>,
}

impl Hashing {
    /// What was received goes on to be hashed beside, or from here on in line, as there are cores. To be called by a thread
    /// that is counted as busy.
    pub(crate) fn settle(&mut self, hashers: &Arc<Hashers>, staging: &mut Staging) -> io::Result<()> {
        let Some(beside) = &self.beside else {
            if staging.len() >= self.look_at + LOOK_LEN {
                self.look_at = staging.len();
                if hashers.busy_count() < hashers.core_count {
                    self.beside = staging.lend_hash().map(|follower| Beside::start(hashers, follower));
                }
            }
            return Ok(());
        };
        if hashers.busy_count() > hashers.core_count || beside.came.send(staging.len()).is_err() {
            self.look_at = staging.len();
            return self.end(staging);
        }
        Ok(())
    }

    /// Everything that came is hashed when this returns.
    pub(crate) fn end(&mut self, staging: &mut Staging) -> io::Result<()> {
        let Some(Beside { came, hashed }) = self.beside.take() else { return Ok(()) };
        drop(came);
        match hashed.recv() {
            Ok(follower) => staging.take_hash(follower?),
            // It never ran, since the server stops, or has panicked. The blob is read back.
            Err(_) => Ok(()),
        }
    }
}

impl Beside {
    fn start(hashers: &Arc<Hashers>, mut follower: Follower) -> Self {
        let (came, ends) = sync_channel(BEHIND_COUNT_MAX);
        let (hashes, hashed) = sync_channel(1);
        let busy = hashers.work();
        hashers.workers.leave(move || {
            let followed = follow(&mut follower, &ends);
            // Before anybody who hears of it looks for an idle core.
            drop(busy);
            // Whoever gave the blob up does not listen.
            let _ = hashes.send(followed.map(|()| follower));
        });
        Self { came, hashed }
    }
}

/// Follows until there is no more, or nothing more for a while: a slow peer is followed in line.
fn follow(follower: &mut Follower, ends: &Receiver<u64>) -> io::Result<()> {
    while let Ok(end) = ends.recv_timeout(SILENCE_TIME) {
        follower.follow(end)?;
    }
    Ok(())
}

/// Bytes after which a thread of its own is worth it, and looking for one costs nothing.
const LOOK_LEN: u64 = 4 << 20;

/// Turns of at most a MiB that are not hashed yet.
const BEHIND_COUNT_MAX: usize = 8;

/// Far more than a peer takes that keeps a core busy.
const SILENCE_TIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
