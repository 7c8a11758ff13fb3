//! What those who receive one blob share: what has landed, and what is still to be asked for.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_blob::{
    Algorithm, Assembly, Digest, Landed, SEGMENT_LEN, SegmentHasher, Unfinished, segment_count, segment_range,
};
use aqueduct_flow::Carried;

use super::list::List;
use crate::error::Error;
use crate::native::{NativeClient, SHARED_COUNT_MIN};

pub(super) struct Arrivals<'a> {
    client: &'a NativeClient,
    digest: Digest,
    size: u64,
    is_ordered: bool,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    assembly: Assembly,
    /// Segments that were never asked for.
    fresh: Range<u64>,
    /// Segments to be asked for again.
    again: BTreeSet<u64>,
    /// Segments whose line broke within them.
    begun: Vec<SegmentHasher>,
    /// How often each segment was damaged since the list was fetched.
    damage: HashMap<u64, u32>,
    /// How often the list was fetched again.
    list_count: u32,
    carried: Carried,
    failure: Option<Error>,
    is_over: bool,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(client: &'a NativeClient, list: &List) -> Self {
        let (digest, size) = (list.digest(), list.size());
        let assembly = list.assembly();
        // The only segment of an empty blob is there.
        let fresh = if size == 0 { 0..0 } else { 0..segment_count(size) };
        let state = State {
            assembly,
            fresh,
            again: BTreeSet::new(),
            begun: Vec::new(),
            damage: HashMap::new(),
            list_count: 0,
            carried: Carried::default(),
            failure: None,
            is_over: false,
        };
        let is_ordered = !list.is_whole();
        Self { client, digest, size, is_ordered, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether segments have to come one after the other.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Takes bytes to be asked for: the rest of a segment that was begun, or segments that are neighbours.
    pub(super) fn take(&self) -> Option<(Range<u64>, Option<SegmentHasher>)> {
        let mut state = self.lock();
        if state.is_over {
            return None;
        }
        if let Some(begun) = state.begun.pop() {
            let segment = segment_range(self.size, begun.index());
            return Some((segment.start + begun.len()..segment.end, Some(begun)));
        }
        if let Some(index) = state.again.pop_first() {
            return Some((segment_range(self.size, index), None));
        }
        let run = state.fresh.start..state.fresh.end.min(state.fresh.start + RUN_COUNT_MAX);
        let last = run.end.checked_sub(1).filter(|last| *last >= run.start)?;
        state.fresh.start = run.end;
        Some((segment_range(self.size, run.start).start..segment_range(self.size, last).end, None))
    }

    /// Puts bytes back that did not come, the first of them perhaps within a segment that was begun.
    pub(super) fn put_back(&self, left: &Range<u64>, begun: Option<SegmentHasher>) {
        if left.is_empty() {
            return;
        }
        let mut segments = left.start / SEGMENT_LEN..left.end.div_ceil(SEGMENT_LEN);
        let mut state = self.lock();
        if let Some(begun) = begun {
            segments.start = begun.index() + 1;
            state.begun.push(begun);
        }
        state.again.extend(segments);
        drop(state);
        self.changed.notify_all();
    }

    /// Begins to hash a segment. `None` where neither the list nor the segment before tells what it begins from.
    pub(super) fn begin(&self, index: u64) -> Option<SegmentHasher> {
        let mut state = self.lock();
        // Nobody may count on what is about to be written over.
        state.assembly.drop_record(index);
        state.assembly.begin(index)
    }

    /// Takes a segment whose bytes are all in the file.
    pub(super) fn land(&self, hasher: SegmentHasher) -> Result<(), Error> {
        let index = hasher.index();
        let mut state = self.lock();
        let is_right = match state.assembly.land(hasher) {
            // What the whole ends in is no entry of a list.
            Landed::Held(record) => !self.ends_in_digest(index) || record.after == *self.digest.as_bytes(),
            Landed::Failed => false,
        };
        if is_right {
            self.changed.notify_all();
            return Ok(());
        }
        state.assembly.drop_record(index);
        let damage = state.damage.entry(index).or_default();
        *damage += 1;
        let is_bearable = *damage <= AGAIN_COUNT_MAX;
        if is_bearable {
            state.again.insert(index);
        }
        drop(state);
        self.changed.notify_all();
        if is_bearable {
            return Ok(());
        }
        self.renew(index).inspect_err(|_| {
            // Whoever goes on has to ask for it.
            self.lock().again.insert(index);
            self.changed.notify_all();
        })
    }

    /// Whether everything has landed, so that the last segment ends in the digest and every link holds.
    pub(super) fn is_whole(&self) -> Result<bool, Error> {
        let mut state = self.lock();
        if state.assembly.held_len() < self.size {
            return Ok(false);
        }
        match state.assembly.finish(Some(&self.digest)) {
            Ok(_) => Ok(true),
            Err(Unfinished::Missing(segments) | Unfinished::Broken(segments)) => {
                state.again.extend(segments);
                Ok(false)
            }
            Err(Unfinished::Mismatch { actual }) => {
                Err(Error::received_other(&self.client.site.endpoint, &self.digest, &actual))
            }
        }
    }

    /// Whether a segment has landed.
    pub(super) fn is_held(&self, index: u64) -> bool {
        self.lock().assembly.is_held(index)
    }

    /// What is said of bytes that were given out before it was known that they are wrong.
    pub(super) fn doubt(&self) -> Error {
        Error::damaged(&self.client.site.endpoint, &self.digest)
    }

    /// Bytes that have landed.
    pub(super) fn landed_len(&self) -> u64 {
        self.lock().assembly.held_len()
    }

    /// Whether there is so much left to come that a further line gains something.
    pub(super) fn is_worth_sharing(&self) -> bool {
        let state = self.lock();
        let left = self.size - state.assembly.held_len();
        !state.is_over && left.div_ceil(SEGMENT_LEN) >= SHARED_COUNT_MIN
    }

    pub(super) fn add_carried(&self, carried: &Carried) {
        self.lock().carried += *carried;
    }

    pub(super) fn carried(&self) -> Carried {
        self.lock().carried
    }

    /// Fails the whole: it is no line that is to blame.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.lock();
        state.failure.get_or_insert(error);
        state.is_over = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Lets everybody stop.
    pub(super) fn finish(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Whether nothing is to be done any more, or what made it fail.
    pub(super) fn is_over(&self) -> Result<bool, Error> {
        let state = self.lock();
        match &state.failure {
            Some(error) => Err(error.shared()),
            None => Ok(state.is_over),
        }
    }

    /// Waits until there may be something to take, at most for `time`.
    pub(super) fn wait(&self, time: Duration) {
        let is_idle = |state: &mut State| {
            let is_whole = state.assembly.held_len() == self.size;
            let is_all_taken = state.begun.is_empty() && state.again.is_empty() && state.fresh.is_empty();
            !state.is_over && !is_whole && is_all_taken
        };
        let waited = self.changed.wait_timeout_while(self.lock(), time, is_idle);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Fetches the list again: it may be what is wrong.
    fn renew(&self, damaged: u64) -> Result<(), Error> {
        {
            let mut state = self.lock();
            if state.list_count >= LIST_COUNT_MAX {
                return Err(Error::damaged(&self.client.site.endpoint, &self.digest));
            }
            state.list_count += 1;
        }
        let list = self.client.list_of(&self.digest)?;
        let list = list.filter(|list| list.size() == self.size);
        let list = list.ok_or_else(|| Error::gone(&self.client.site.endpoint, &self.digest))?;
        if !list.is_whole() && !self.is_ordered {
            // Nothing would tell where links that do not meet are damaged.
            return Err(Error::protocol(&self.client.site.endpoint, "it has no checkpoints any more"));
        }
        let mut state = self.lock();
        let disagreeing = list.replace(&mut state.assembly);
        state.again.extend(disagreeing);
        state.again.insert(damaged);
        state.damage.clear();
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    fn ends_in_digest(&self, index: u64) -> bool {
        let count = segment_count(self.size);
        index + 1 == count && (self.digest.algorithm() == Algorithm::Sha256 || count == 1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Segments asked for at once: enough that a line is never idle, and few enough that the last ones are shared.
const RUN_COUNT_MAX: u64 = 4;

/// How often a segment that arrives damaged is asked for again, before the list is.
const AGAIN_COUNT_MAX: u32 = 3;

/// How often a list that disagrees with what arrives is asked for again.
const LIST_COUNT_MAX: u32 = 1;

#[cfg(test)]
mod tests;
