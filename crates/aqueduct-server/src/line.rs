//! Small blobs that came whole with their heads, and wait to be stored.
//!
//! Where nothing is synced, to wake a thread for each would take longer than to store it. So there are few threads, and each
//! takes what has gathered while it stored what it took before.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aqueduct_flow::{Carried, Route};
use aqueduct_store::{Outcome as PublishOutcome, Published, PutError, Store, SyncPolicy, Whole};
use tokio::sync::oneshot;

use crate::close::Close;
use crate::door::{Name, Outcome, Refusal, Write};
use crate::metrics::METRICS;
use crate::running::Running;
use crate::workers::Workers;
use crate::{stored, work};

/// Where small blobs wait, up to a limit.
#[derive(Debug)]
pub(crate) struct Line {
    store: Store,
    workers: Workers,
    waiting: Mutex<Waiting>,
    /// Says how many may wait.
    options: Arc<Running>,
    thread_count_max: usize,
    /// How many blobs a thread takes at once.
    batch_len_max: usize,
    /// How many batches it stores before others of the crew's jobs have their turn.
    turn_len: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    blobs: VecDeque<Blob>,
    /// Threads that look here once more before they end.
    thread_count: usize,
}

struct Blob {
    write: Write,
    bytes: Vec<u8>,
    purpose: Option<Purpose>,
    outcome: oneshot::Sender<Outcome>,
}

/// What a blob is to be stored for: looks at its bytes, and says what is done once it is stored, or why it is not to be.
pub(crate) type Purpose = Box<dyn FnOnce(&[u8]) -> Result<Then, Refusal> + Send>;

/// What is done with a blob that is stored.
pub(crate) type Then = Box<dyn FnOnce(Published) -> Result<Outcome, Refusal> + Send>;

impl Line {
    /// Its threads are of a crew of `worker_count`, and as many blobs as there may be requests wait for them.
    pub(crate) fn new(
        store: Store,
        workers: Workers,
        worker_count: usize,
        options: Arc<Running>,
    ) -> Arc<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (thread_count_max, batch_len_max, turn_len) = match store.sync_policy() {
            // Each thread waits for the disk, and they do it together.
            SyncPolicy::Full => (worker_count, 1, 1),
            // More threads than cores would wait for each other in the kernel.
            SyncPolicy::None => {
                (cores.max(LOOSE_THREAD_COUNT_MIN).min(worker_count), LOOSE_BATCH_LEN_MAX, LOOSE_TURN_LEN)
            }
        };
        Arc::new(Self {
            store,
            workers,
            waiting: Mutex::default(),
            options,
            thread_count_max,
            batch_len_max,
            turn_len,
        })
    }

    /// Stores a blob of at most [`SMALL_LEN_MAX`] bytes.
    pub(crate) async fn store(
        self: &Arc<Self>,
        write: Write,
        bytes: Vec<u8>,
        purpose: Option<Purpose>,
    ) -> Result<Outcome, Close> {
        let (outcome, stored) = oneshot::channel();
        let is_thread_needed = {
            let mut waiting = self.waiting();
            if waiting.blobs.len() >= self.options.request_count_max() {
                return Ok(Outcome::Refused(Refusal::Overloaded));
            }
            METRICS.received_by(write.door, Route::Copy, bytes.len() as u64);
            waiting.blobs.push_back(Blob { write, bytes, purpose, outcome });
            let is_needed = waiting.thread_count < self.thread_count_max;
            waiting.thread_count += usize::from(is_needed);
            is_needed
        };
        if is_thread_needed {
            self.start_thread();
        }
        stored.await.map_err(|_| Close::Bug)
    }

    fn start_thread(self: &Arc<Self>) {
        let line = Arc::clone(self);
        let counted = Counted(self);
        self.workers.leave(move || line.work_off());
        mem::forget(counted);
    }

    /// Stores what waits until nothing does, or until it is the turn of others.
    fn work_off(self: &Arc<Self>) {
        let successor = Successor(self);
        for _ in 0..self.turn_len {
            let Some(batch) = self.next_batch() else { return mem::forget(successor) };
            self.store_all(batch);
        }
        if self.waiting().has_ended_thread() {
            mem::forget(successor);
        }
    }

    /// What a thread has to do next; `None` ends it.
    fn next_batch(&self) -> Option<Vec<Blob>> {
        let mut waiting = self.waiting();
        let mut batch = Vec::new();
        while batch.len() < self.batch_len_max
            && let Some(blob) = waiting.blobs.pop_front()
        {
            // What nobody waits for any more would keep those waiting who are still there, and a server that is to end.
            if !blob.outcome.is_closed() {
                batch.push(blob);
            }
        }
        if batch.is_empty() {
            waiting.uncount_thread();
            return None;
        }
        Some(batch)
    }

    fn store_all(&self, batch: Vec<Blob>) {
        // To look takes less than a sync that nobody needs, or the hash of a longer blob.
        let is_full = self.store.sync_policy() == SyncPolicy::Full;
        let look = |blob: Blob| {
            if is_full || blob.bytes.len() >= LOOKED_FOR_LEN {
                self.answer_if_present(blob)
            } else {
                Some(blob)
            }
        };
        let batch = batch.into_iter().filter_map(look);
        let (batch, thens): (Vec<_>, Vec<_>) = batch.filter_map(Blob::looked_at).unzip();
        let whole: Vec<_> = batch.iter().map(Blob::whole).collect();
        let stored = self.store.put_all(&whole);
        drop(whole);
        for ((blob, then), stored) in batch.into_iter().zip(thens).zip(stored) {
            let outcome = self.outcome(blob.write, stored);
            let outcome = match then {
                Some(then) => outcome.and_then(then),
                None => outcome.map(Outcome::Stored),
            };
            blob.answer(outcome);
        }
    }

    /// Gives the blob back where there is more to do.
    fn answer_if_present(&self, blob: Blob) -> Option<Blob> {
        match self.present(blob.write) {
            Ok(None) => Some(blob),
            Ok(Some(published)) => {
                blob.answer(Ok(Outcome::Stored(published)));
                None
            }
            Err(refusal) => {
                blob.answer(Err(refusal));
                None
            }
        }
    }

    fn present(&self, write: Write) -> Result<Option<Published>, Refusal> {
        let Name::Given(digest) = write.name else { return Ok(None) };
        work::present(&self.store, digest)?.map(|published| work::checked(published, write)).transpose()
    }

    fn outcome(&self, write: Write, stored: Result<Published, PutError>) -> Result<Published, Refusal> {
        match stored {
            Ok(published) => {
                if published.outcome == PublishOutcome::New {
                    stored::note(&published, &Carried::by_route(Route::Copy, published.size));
                }
                work::checked(published, write)
            }
            // Of a blob that is here nothing is needed: neither the right bytes, nor a disk that takes them.
            Err(error) => self.present(write)?.ok_or_else(|| error.into()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // What it guards is whole between any two calls.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Counts a thread as ended if there is nothing for it to do.
    fn has_ended_thread(&mut self) -> bool {
        let is_idle = self.blobs.is_empty();
        if is_idle {
            self.uncount_thread();
        }
        is_idle
    }

    /// A job that got no thread stays in the crew's queue, and runs after all when another job gets one: then it was taken
    /// off the count before.
    fn uncount_thread(&mut self) {
        self.thread_count = self.thread_count.saturating_sub(1);
    }
}

impl Blob {
    fn whole(&self) -> Whole<'_> {
        let (algorithm, expected) = match self.write.name {
            Name::Given(digest) => (digest.algorithm(), Some(digest)),
            Name::Found(algorithm) => (algorithm, None),
        };
        Whole { algorithm, expected, bytes: &self.bytes }
    }

    /// Looks at what it is for. One that is not to be stored is answered.
    fn looked_at(mut self) -> Option<(Self, Option<Then>)> {
        let Some(purpose) = self.purpose.take() else { return Some((self, None)) };
        match purpose(&self.bytes) {
            Ok(then) => Some((self, Some(then))),
            Err(refusal) => {
                self.answer(Err(refusal));
                None
            }
        }
    }

    fn answer(self, outcome: Result<Outcome, Refusal>) {
        // Whoever went away does not listen.
        let _ = self.outcome.send(outcome.unwrap_or_else(Outcome::Refused));
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("write", &self.write).finish_non_exhaustive()
    }
}

/// Of a thread whose turn is over, or that panics: what waits goes on to be stored, behind the jobs that the crew has already.
struct Successor<'a>(&'a Arc<Line>);

impl Drop for Successor<'_> {
    fn drop(&mut self) {
        self.0.start_thread();
    }
}

/// Of a thread that cannot be had, which is a panic: it is not waited for.
struct Counted<'a>(&'a Line);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.waiting().uncount_thread();
    }
}

/// From here on a hash takes longer than to look for a name.
const LOOKED_FOR_LEN: usize = 16 << 10;

/// Nothing that is read with its head, or right behind it, is longer.
pub(crate) const SMALL_LEN_MAX: u64 = 64 << 10;

/// While one waits for the disk after all, another goes on.
const LOOSE_THREAD_COUNT_MIN: usize = 2;

/// None of a batch is answered before all of it is stored.
const LOOSE_BATCH_LEN_MAX: usize = 16;

/// So many batches take milliseconds, beside which a hand-over does not count.
const LOOSE_TURN_LEN: usize = 16;

#[cfg(test)]
mod tests;
