//! How an attempt stands: what has been said, what has arrived.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;
use aqueduct_wire::transfer::{Entry, EntryId, Failure, Identity};

use super::arrival::Arrival;
use crate::line::{Patience, TICK};
use crate::streams::Lines;
use crate::{Error, ErrorKind};

/// The ledger of one attempt.
pub(super) struct Ledger {
    state: Mutex<State>,
    changed: Condvar,
    over: Arc<AtomicBool>,
    /// Bytes that the sender has not been told of.
    verified: AtomicU64,
    pub(super) lines: Lines,
}

#[derive(Default)]
struct State {
    files: HashMap<EntryId, Arc<Arrival>>,
    /// The last entry that was said on stream 0: all up to it are known.
    last: EntryId,
    /// Files that are announced, wanted, and have not settled.
    open_count: u64,
    /// What the sender was told is there.
    held: HashMap<Identity, Vec<Range<u64>>>,
    /// Hard links wait until what they link to is there.
    links: Vec<Entry>,
    /// Files that are there, or will not be.
    settled_count: u64,
    /// How many of them there will be, once the sender has said so.
    expected_count: Option<u64>,
    tally: Tally,
    has_heard_all: bool,
    outcome: Option<Result<(), Error>>,
}

/// What has arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) file_count: u64,
    /// Files that changed while they were sent.
    pub(super) failed_count: u64,
    /// Files that the sender has left out.
    pub(super) left_count: u64,
    pub(super) size: u64,
    /// Of the last file.
    pub(super) digest: Option<Digest>,
    pub(super) carried: Carried,
}

impl Ledger {
    pub(super) fn new(over: Arc<AtomicBool>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            over,
            verified: AtomicU64::new(0),
            lines: Lines::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an entry that was said on stream 0, with the file that arrives if it is one.
    pub(super) fn say(&self, id: EntryId, file: Option<Arc<Arrival>>) -> Option<()> {
        let mut state = self.lock();
        (id > state.last).then_some(())?;
        state.last = id;
        if let Some(file) = file {
            state.open_count += u64::from(file.is_wanted());
            state.files.insert(id, file);
        }
        drop(state);
        self.changed.notify_all();
        Some(())
    }

    /// Takes note of what the sender is told is there.
    pub(super) fn hold(&self, held: impl Iterator<Item = (Identity, Vec<Range<u64>>)>) {
        self.lock().held.extend(held);
    }

    /// What the sender was told is there of a file.
    pub(super) fn held(&self, identity: &Identity) -> Vec<Range<u64>> {
        self.lock().held.get(identity).cloned().unwrap_or_default()
    }

    /// Whether stream 0 has said everything up to `id`.
    pub(super) fn knows(&self, id: EntryId) -> bool {
        self.lock().last >= id
    }

    pub(super) fn keep_link(&self, link: Entry) {
        self.lock().links.push(link);
    }

    pub(super) fn take_links(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().links)
    }

    /// Waits until stream 0 has said everything up to `id`.
    pub(super) fn wait_for(&self, id: EntryId, patience: &Patience) -> Result<(), Error> {
        let mut state = self.lock();
        while state.last < id {
            if state.outcome.is_some() {
                return Err(Error::new(ErrorKind::Other, "the attempt is over"));
            }
            patience.check_end()?;
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// The file that arrives as `id`.
    pub(super) fn file(&self, id: EntryId) -> Option<Arc<Arrival>> {
        self.lock().files.get(&id).cloned()
    }

    /// A file is there, or will not be.
    pub(super) fn settle(&self, count: u64, change: impl FnOnce(&mut Tally)) {
        let mut state = self.lock();
        state.settled_count += count;
        change(&mut state.tally);
        self.end_if_whole(state);
    }

    /// So many files will settle.
    pub(super) fn expect(&self, count: u64, left_count: u64) {
        let mut state = self.lock();
        state.expected_count = Some(count);
        state.tally.left_count = left_count;
        self.end_if_whole(state);
    }

    fn end_if_whole(&self, state: MutexGuard<'_, State>) {
        // Whatever the sender says of their number: nothing that was begun is left behind.
        let is_counted = state.expected_count.is_some_and(|count| state.settled_count >= count);
        let is_whole = is_counted && state.open_count == 0;
        drop(state);
        if is_whole {
            self.end(Ok(()));
        }
    }

    /// Moves a file that has settled out of the way.
    pub(super) fn forget(&self, id: EntryId) {
        let mut state = self.lock();
        if state.files.remove(&id).is_some_and(|file| file.is_wanted()) {
            state.open_count -= 1;
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.lock().tally);
    }

    pub(super) fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    pub(super) fn add_verified(&self, len: u64) {
        self.verified.fetch_add(len, Ordering::Relaxed);
    }

    pub(super) fn take_verified(&self) -> u64 {
        self.verified.swap(0, Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().outcome.is_some()
    }

    /// The attempt has ended, unless it had before.
    pub(super) fn end(&self, outcome: Result<(), Error>) {
        let mut state = self.lock();
        if state.outcome.is_none() {
            self.over.store(outcome.is_err(), Ordering::Release);
            state.outcome = Some(outcome);
        }
        drop(state);
        self.changed.notify_all();
        self.lines.end();
    }

    /// Waits for the end, or for `time`; whether it has ended.
    pub(super) fn wait_for_end(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |state| state.outcome.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.outcome.is_some()
    }

    /// What the other side is to be told, if this one has failed by itself.
    pub(super) fn failure(&self) -> Option<(Failure, String)> {
        match &self.lock().outcome {
            Some(Err(error)) => error.to_be_told(),
            _ => None,
        }
    }

    /// Stream 0 is heard no more.
    pub(super) fn end_hearing(&self) {
        self.lock().has_heard_all = true;
        self.changed.notify_all();
    }

    /// Waits until stream 0 is heard no more, or for `time`.
    pub(super) fn wait_for_hearing(&self, time: Duration) {
        drop(self.changed.wait_timeout_while(self.lock(), time, |state| !state.has_heard_all));
    }

    /// How it ended. Asked once.
    pub(super) fn outcome(&self) -> Result<(), Error> {
        let mut state = self.lock();
        match state.outcome.take() {
            Some(outcome) => {
                state.outcome = Some(Ok(()));
                outcome
            }
            None => Err(Error::new(ErrorKind::Other, "the attempt never ended")),
        }
    }
}
