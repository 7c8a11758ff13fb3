//! What those who hash and send one blob share: the checkpoints that were found, and the segments that are to be sent.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_blob::{Digest, segment_count, segment_range};
use aqueduct_flow::Carried;
use aqueduct_wire::native::limits::ENTRY_COUNT_MAX;

use crate::error::Error;
use crate::native::SHARED_COUNT_MIN;

/// Entries are added by whoever hashes; segments are taken by whoever has a line to send them over.
#[derive(Debug)]
pub(super) struct Ledger {
    size: u64,
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes of the blob that were sent, over all lines.
    sent_len: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The checkpoint list, as far as it was found.
    entries: Vec<[u8; 32]>,
    /// The digest, or why there is none.
    hashed: Option<Result<Digest, Error>>,
    /// `None` until the server has said what it lacks.
    todo: Option<BTreeSet<u64>>,
    /// How often each segment was asked for again.
    again: HashMap<u64, u32>,
    /// How often the list was.
    list_again: u32,
    /// Lines beside the first one.
    side_line_count: usize,
    /// The routes of what was sent, over all lines.
    carried: Carried,
    is_over: bool,
}

/// What to do next with a line.
#[derive(Debug)]
pub(super) enum Next {
    Segment(u64),
    /// There are segments, and the next one's checkpoint is not found yet; or nobody knows yet which there are.
    Wait,
    /// Every segment is sent, or about to be by others.
    Nothing,
}

impl Ledger {
    pub(super) fn new(size: u64) -> Self {
        Self { size, state: Mutex::default(), changed: Condvar::new(), sent_len: AtomicU64::new(0) }
    }

    /// Adds the next entry of the list.
    pub(super) fn found(&self, entry: [u8; 32]) {
        self.change(|state| state.entries.push(entry));
    }

    /// Says how hashing ended.
    pub(super) fn hashed(&self, digest: Result<Digest, Error>) {
        self.change(|state| state.hashed = Some(digest));
    }

    /// The digest, once it is known.
    pub(super) fn digest(&self) -> Result<Option<Digest>, Error> {
        match &self.lock().hashed {
            Some(Err(error)) => Err(error.shared()),
            Some(Ok(digest)) => Ok(Some(*digest)),
            None => Ok(None),
        }
    }

    /// Some of the entries from `first` on; empty where they are not found yet.
    pub(super) fn entries_from(&self, first: usize) -> Vec<[u8; 32]> {
        let state = self.lock();
        let entries = state.entries.get(first..).unwrap_or_default();
        entries[..entries.len().min(ENTRY_COUNT_MAX)].to_vec()
    }

    /// Notes which parts the server has. Only the first time counts: after that, lines account for what they sent.
    pub(super) fn open(&self, verified: &[Range<u64>]) {
        self.change(|state| {
            state.todo.get_or_insert_with(|| {
                (0..segment_count(self.size)).filter(|index| !self.lies_in(*index, verified)).collect()
            });
        });
    }

    /// Whether a segment lies within what the server has, whose ranges ascend.
    pub(super) fn lies_in(&self, index: u64, verified: &[Range<u64>]) -> bool {
        let segment = segment_range(self.size, index);
        let before = verified.partition_point(|range| range.end < segment.end);
        verified.get(before).is_some_and(|range| range.start <= segment.start)
    }

    /// Takes the next segment, if `claimed` entries are as many as it needs: the last of them is the state that it begins
    /// from.
    pub(super) fn next(&self, claimed: usize) -> Next {
        let mut state = self.lock();
        let Some(todo) = &mut state.todo else { return Next::Wait };
        match todo.first() {
            None => Next::Nothing,
            Some(&index) if index <= claimed as u64 => {
                todo.pop_first();
                Next::Segment(index)
            }
            Some(_) => Next::Wait,
        }
    }

    /// Puts segments back whose line was lost.
    pub(super) fn put_back(&self, segments: impl IntoIterator<Item = u64>) {
        self.change(|state| state.todo.get_or_insert_default().extend(segments));
    }

    /// Takes segments that the server asks for again; false if it has done so too often.
    pub(super) fn again(&self, segments: &[u64]) -> bool {
        let mut state = self.lock();
        let count = segment_count(self.size);
        let is_bearable = segments.iter().all(|&index| {
            let asked = state.again.entry(index).or_default();
            *asked += 1;
            index < count && *asked <= AGAIN_BEARABLE_MAX
        });
        if is_bearable {
            state.todo.get_or_insert_default().extend(segments);
        }
        drop(state);
        self.changed.notify_all();
        is_bearable
    }

    /// Takes note that the server asks for the list again; false if it has done so too often.
    pub(super) fn list_again(&self) -> bool {
        let mut state = self.lock();
        state.list_again += 1;
        state.list_again <= AGAIN_BEARABLE_MAX
    }

    /// Whether the server has said what it lacks, so that there may be something of the blob there.
    pub(super) fn is_opened(&self) -> bool {
        self.lock().todo.is_some()
    }

    /// Waits until it is known what is to be sent.
    pub(super) fn wait_for_todo(&self) {
        let is_idle = |state: &mut State| !state.is_over && state.todo.is_none();
        drop(self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether there is so much left to send that a further line gains something.
    pub(super) fn is_worth_sharing(&self) -> bool {
        self.lock().is_worth_sharing()
    }

    /// Begins a side line; false if there is nothing left to begin one for.
    pub(super) fn begin_side_line(&self) -> bool {
        let mut state = self.lock();
        let is_worth_it = state.is_worth_sharing();
        state.side_line_count += usize::from(is_worth_it);
        is_worth_it
    }

    pub(super) fn end_side_line(&self) {
        self.change(|state| state.side_line_count -= 1);
    }

    pub(super) fn has_side_lines(&self) -> bool {
        self.lock().side_line_count > 0
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn add_sent(&self, len: u64) {
        self.sent_len.fetch_add(len, Ordering::Relaxed);
    }

    pub(super) fn sent_len(&self) -> u64 {
        self.sent_len.load(Ordering::Relaxed)
    }

    /// Adds what a line has carried.
    pub(super) fn add_carried(&self, carried: &Carried) {
        self.lock().carried += *carried;
    }

    pub(super) fn carried(&self) -> Carried {
        self.lock().carried
    }

    /// Lets everybody stop.
    pub(super) fn finish(&self) {
        self.change(|state| state.is_over = true);
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Waits until there are more than `claimed` entries, or all, at most for `time`.
    pub(super) fn wait_for_entries(&self, claimed: usize, time: Duration) {
        self.wait(time, |state| state.entries.len() <= claimed && state.hashed.is_none());
    }

    /// Waits until no line but the first one is left, or there is something to send, at most for `time`.
    pub(super) fn wait_for_side_lines(&self, time: Duration) {
        self.wait(time, |state| {
            state.side_line_count > 0 && state.todo.as_ref().is_some_and(BTreeSet::is_empty)
        });
    }

    fn wait(&self, time: Duration, is_idle: impl Fn(&State) -> bool) {
        let is_idle = |state: &mut State| !state.is_over && is_idle(state);
        let waited = self.changed.wait_timeout_while(self.lock(), time, is_idle);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_worth_sharing(&self) -> bool {
        !self.is_over && self.todo.as_ref().is_some_and(|todo| todo.len() as u64 >= SHARED_COUNT_MIN)
    }
}

/// A server that asks more often than any honest one would has a client for its work.
const AGAIN_BEARABLE_MAX: u32 = 16;
