//! What is still to be sent, in the order of the walk, and how the attempt stands.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_blob::{Digest, SegmentHasher};
use aqueduct_wire::transfer::limits::ENTRY_COUNT_MAX;
use aqueduct_wire::transfer::{Entry, EntryId, Failure, HeldFile, Word};

use super::outgoing::Outgoing;
use crate::error::with_causes;
use crate::line::TICK;
use crate::source::SourceFile;
use crate::streams::Lines;
use crate::{Error, ErrorKind};

/// The queue of one attempt.
///
/// Whoever waits has a bell of its own: a stream takes a segment a thousand times a second, and wakes nobody whom that does not
/// concern.
pub(super) struct Queue {
    state: Mutex<State>,
    /// For streams: there may be something to do.
    to_send: Condvar,
    /// For whoever hashes ahead.
    to_hash: Condvar,
    /// For the walk: there is room, or an answer.
    to_walk: Condvar,
    ended: Condvar,
    over: Arc<AtomicBool>,
    pub(super) lines: Lines,
}

#[derive(Default)]
struct State {
    announcements: VecDeque<Word>,
    /// Bytes of the entries of the last of them.
    announced_len: usize,
    /// Invariant: whatever is here was announced, or needs no announcement.
    work: VecDeque<Work>,
    again: VecDeque<(Arc<Outgoing>, u64)>,
    /// Files that segments may be asked for again of.
    files: HashMap<EntryId, Arc<Outgoing>>,
    /// What the receiver has of those that were asked about last.
    held: Option<Vec<HeldFile>>,
    is_walked: bool,
    busy_count: usize,
    has_ended: bool,
    sent_count: u64,
    tally: Tally,
    outcome: Option<Result<Done, Error>>,
}

enum Work {
    Pack(Pack),
    File(Arc<Outgoing>),
}

/// Small files that go in one frame.
pub(super) struct Pack {
    pub(super) files: Vec<(Entry, SourceFile)>,
}

/// What a worker does next.
pub(super) enum Next {
    Announce(Vec<Word>),
    Pack(Pack),
    Segment(Arc<Outgoing>, u64),
    /// So many files were sent, and so many left out.
    End(u64, u64),
    Over,
}

/// What the receiver said last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) failed_count: u64,
    pub(super) is_synced: bool,
    /// Of a single file, as the receiver has found it to be.
    pub(super) digest: Option<[u8; 32]>,
}

/// What was sent so far, or was there.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) file_count: u64,
    /// Files that the receiver hears nothing of.
    pub(super) left_count: u64,
    /// Files that were begun, and that the receiver was told to drop.
    pub(super) dropped_count: u64,
    pub(super) size: u64,
    /// Of the last file.
    pub(super) digest: Option<Digest>,
    /// Why the first that failed did, and in words.
    pub(super) first_failure: Option<(ErrorKind, String)>,
}

impl Tally {
    /// Keeps why, if it is the first that failed. Whoever says so counts it.
    pub(super) fn fail(&mut self, why: &Error) {
        self.first_failure.get_or_insert_with(|| (why.kind(), with_causes(why)));
    }

    pub(super) fn failed_count(&self) -> u64 {
        self.left_count + self.dropped_count
    }
}

impl Queue {
    pub(super) fn new(over: Arc<AtomicBool>) -> Self {
        Self {
            state: Mutex::default(),
            to_send: Condvar::new(),
            to_hash: Condvar::new(),
            to_walk: Condvar::new(),
            ended: Condvar::new(),
            over,
            lines: Lines::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next thing to do, once there is one. Only stream 0 announces and ends.
    pub(super) fn next(&self, is_first: bool) -> Next {
        let mut state = self.lock();
        loop {
            if state.outcome.is_some() {
                return Next::Over;
            }
            if is_first && !state.announcements.is_empty() {
                return Next::Announce(state.announcements.drain(..).collect());
            }
            if let Some((file, index)) = state.again.pop_front() {
                state.busy_count += 1;
                return Next::Segment(file, index);
            }
            match state.work.front() {
                Some(Work::Pack(_)) => {
                    let Some(Work::Pack(pack)) = state.work.pop_front() else {
                        unreachable!("it is in front")
                    };
                    state.busy_count += 1;
                    self.to_walk.notify_all();
                    return Next::Pack(pack);
                }
                Some(Work::File(file)) => {
                    let file = Arc::clone(file);
                    if let Some(index) = file.take_next() {
                        state.busy_count += 1;
                        self.to_hash.notify_all();
                        return Next::Segment(file, index);
                    }
                    state.work.pop_front();
                    self.to_walk.notify_all();
                    self.to_hash.notify_all();
                    continue;
                }
                None => {}
            }
            if is_first && state.is_walked && state.busy_count == 0 && !state.has_ended {
                state.has_ended = true;
                return Next::End(state.sent_count, state.tally.left_count);
            }
            state = wait(&self.to_send, state);
        }
    }

    /// The next segment that can be hashed before it is sent, once there is one; `None` once the attempt is over.
    pub(super) fn next_ahead(&self) -> Option<(Arc<Outgoing>, SegmentHasher)> {
        let mut state = self.lock();
        loop {
            if state.outcome.is_some() {
                return None;
            }
            // Not of those behind the first: they would all be open, and read long before they are sent.
            let file = state.work.iter().find_map(|work| match work {
                Work::File(file) => Some(file),
                Work::Pack(_) => None,
            });
            if let Some(found) = file.and_then(|file| Some((Arc::clone(file), file.take_ahead()?))) {
                return Some(found);
            }
            state = wait(&self.to_hash, state);
        }
    }

    /// A piece of work was done.
    pub(super) fn done(&self) {
        let mut state = self.lock();
        state.busy_count -= 1;
        // The first stream may say that it was the last.
        if state.busy_count == 0 && state.is_walked && state.work.is_empty() {
            self.to_send.notify_all();
        }
    }

    /// Says an entry on stream 0, before whatever is queued after this.
    pub(super) fn announce(&self, entry: Entry) {
        let mut state = self.lock();
        let len = Word::header_len_of(&entry);
        let has_room = state.announced_len + len < HEADER_LEN;
        match state.announcements.back_mut() {
            Some(Word::Entries(entries)) if entries.len() < ENTRY_COUNT_MAX && has_room => {
                entries.push(entry);
                state.announced_len += len;
            }
            _ => {
                state.announcements.push_back(Word::Entries(vec![entry]));
                state.announced_len = len;
            }
        }
        self.to_send.notify_all();
    }

    pub(super) fn ask(&self, word: Word) -> Result<Vec<HeldFile>, Error> {
        let mut state = self.lock();
        state.announcements.push_back(word);
        self.to_send.notify_all();
        loop {
            if let Some(held) = state.held.take() {
                return Ok(held);
            }
            if state.outcome.is_some() {
                return Err(Error::new(ErrorKind::Other, "the attempt is over"));
            }
            state = wait(&self.to_walk, state);
        }
    }

    pub(super) fn answer(&self, held: Vec<HeldFile>) {
        self.lock().held = Some(held);
        self.to_walk.notify_all();
    }

    /// Queues a pack, once there is room.
    pub(super) fn push_pack(&self, pack: Pack) {
        let count = pack.files.len() as u64;
        let mut state = self.wait_for_room();
        state.sent_count += count;
        state.work.push_back(Work::Pack(pack));
        self.to_send.notify_all();
    }

    /// Queues a file, once there is room.
    pub(super) fn push_file(&self, file: Arc<Outgoing>) {
        let mut state = self.wait_for_room();
        state.work.push_back(Work::File(file));
        self.to_send.notify_all();
        self.to_hash.notify_all();
    }

    /// Counts a file, and takes note of it before it is announced: the receiver may have something to say about it at once.
    pub(super) fn know(&self, file: &Arc<Outgoing>) {
        let mut state = self.lock();
        state.sent_count += 1;
        state.files.insert(file.id(), Arc::clone(file));
    }

    fn wait_for_room(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.work.len() >= WORK_COUNT_MAX && state.outcome.is_none() {
            state = wait(&self.to_walk, state);
        }
        state
    }

    /// A file that was counted is not sent after all.
    pub(super) fn uncount(&self) {
        self.lock().sent_count -= 1;
    }

    pub(super) fn end_walk(&self) {
        self.lock().is_walked = true;
        self.to_send.notify_all();
    }

    /// Sends segments again, before anything else.
    pub(super) fn again(&self, entry: EntryId, segments: &[u64]) -> Option<()> {
        let mut state = self.lock();
        let file = Arc::clone(state.files.get(&entry)?);
        for &index in segments {
            if file.may_send_again(index)? {
                state.work.push_front(Work::File(Arc::clone(&file)));
            }
            state.again.push_back((Arc::clone(&file), index));
        }
        self.to_send.notify_all();
        self.to_hash.notify_all();
        Some(())
    }

    /// The receiver has no use for a file.
    pub(super) fn skip(&self, entry: EntryId) {
        if let Some(file) = self.lock().files.get(&entry) {
            file.skip();
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.lock().tally);
    }

    pub(super) fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    /// Whether anything is still waited for.
    pub(super) fn is_over(&self) -> bool {
        self.lock().outcome.is_some()
    }

    /// The attempt has failed, unless it ended before.
    pub(super) fn fail(&self, error: Error) {
        self.end(Err(error));
    }

    pub(super) fn end(&self, outcome: Result<Done, Error>) {
        let mut state = self.lock();
        if state.outcome.is_none() {
            state.outcome = Some(outcome);
            self.over.store(true, Ordering::Release);
        }
        drop(state);
        for waiting in [&self.to_send, &self.to_hash, &self.to_walk, &self.ended] {
            waiting.notify_all();
        }
        self.lines.end();
    }

    /// Waits for the end of the attempt, or for `time`; whether it has ended.
    pub(super) fn wait_for_end(&self, time: Duration) -> bool {
        let state = self.lock();
        let waited = self.ended.wait_timeout_while(state, time, |state| state.outcome.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.outcome.is_some()
    }

    /// What the other side is to be told, if this one has failed by itself.
    pub(super) fn failure(&self) -> Option<(Failure, String)> {
        match &self.lock().outcome {
            Some(Err(error)) => error.to_be_told(),
            _ => None,
        }
    }

    /// How the attempt ended. Asked once.
    pub(super) fn outcome(&self) -> Result<Done, Error> {
        let outcome = self.lock().outcome.take();
        outcome.unwrap_or_else(|| Err(Error::new(ErrorKind::Other, "the attempt never ended")))
    }
}

/// Waits for a bell, and not for ever: the end of an attempt may come from elsewhere.
fn wait<'a>(bell: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    bell.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
}

/// Packs and files that are found before they are sent: enough that no stream waits for the walk.
const WORK_COUNT_MAX: usize = 256;

/// Bytes of the entries in one header, well below what it may have.
pub(super) const HEADER_LEN: usize = 48 * 1024;
