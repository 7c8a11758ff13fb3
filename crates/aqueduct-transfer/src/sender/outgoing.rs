//! A file that goes segment by segment.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use aqueduct_blob::{Algorithm, Assembly, Hashed, Landed, Record, SegmentHasher, segment_count};
use aqueduct_wire::transfer::EntryId;

use super::walking::PACKED_LEN_MAX;
use crate::line::{Patience, TICK};
use crate::source::{CheckpointCache, Kept, Opened, SourceFile};
use crate::{Error, ErrorKind};

/// A file that goes segment by segment, over several streams.
pub(super) struct Outgoing {
    id: EntryId,
    source: SourceFile,
    state: Mutex<State>,
    landed: Condvar,
    /// Where what is hashed is kept for another run.
    kept: Kept,
}

struct State {
    /// What its segments were found to be; none where nothing is hashed.
    assembly: Option<Assembly>,
    /// Segments that the receiver has: ascending, apart.
    held: Vec<Range<u64>>,
    /// The first segment that nobody has looked at.
    next: u64,
    /// Segments that were taken and are not done.
    taken_count: u64,
    is_settled: bool,
    is_skipped: bool,
    is_counted: bool,
    /// All of it, and nobody has asked for any of it again.
    is_held: bool,
    opened: Option<Arc<Opened>>,
    again_counts: HashMap<u64, u32>,
    /// Segments that somebody is hashing.
    hashing: BTreeSet<u64>,
    /// The first segment that was not hashed ahead of its turn.
    ahead: u64,
}

/// Whose turn it is to hash a segment.
#[derive(Debug)]
pub(super) enum Turn {
    /// Nobody's: it was hashed.
    Hashed(Record),
    /// Whoever asked.
    Yours(SegmentHasher),
}

/// What is to be done about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) send: bool,
    pub(super) hash: bool,
}

impl Outgoing {
    /// A file of which the receiver has the segments `held`. It is hashed under `algorithm`, if at all.
    pub(super) fn new(
        id: EntryId,
        source: SourceFile,
        algorithm: Option<Algorithm>,
        kept: Kept,
        held: Vec<Range<u64>>,
    ) -> Self {
        let assembly = algorithm.map(|algorithm| {
            let mut assembly = Assembly::new(algorithm, source.size());
            let count = segment_count(source.size());
            for record in kept.records().iter().filter(|record| record.index < count) {
                assembly.restore(record);
            }
            assembly
        });
        let state = State {
            assembly,
            held,
            next: 0,
            taken_count: 0,
            is_settled: false,
            is_skipped: false,
            is_counted: false,
            is_held: false,
            opened: None,
            again_counts: HashMap::new(),
            hashing: BTreeSet::new(),
            ahead: 0,
        };
        Self { id, source, state: Mutex::new(state), landed: Condvar::new(), kept }
    }

    /// A file of which the receiver has everything. It was counted, and nothing is to be done about it unless it is asked for
    /// again.
    pub(super) fn held(
        id: EntryId,
        source: SourceFile,
        algorithm: Option<Algorithm>,
        cache: &CheckpointCache,
    ) -> Self {
        let count = segment_count(source.size());
        // Nothing is kept of small ones.
        let is_small = source.size() <= PACKED_LEN_MAX;
        let none = CheckpointCache::open(None);
        let cache = if is_small { &none } else { cache };
        let kept = cache.begin(source.stat(), algorithm.unwrap_or(Algorithm::Blake3));
        let held = Self::new(id, source, algorithm, kept, std::iter::once(0..count).collect());
        let mut state = held.lock();
        state.next = count;
        state.is_counted = true;
        state.is_held = true;
        drop(state);
        held
    }

    /// Whether it was counted as sent. It is from now on.
    pub(super) fn count(&self) -> bool {
        std::mem::replace(&mut self.lock().is_counted, true)
    }

    pub(super) fn id(&self) -> EntryId {
        self.id
    }

    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    pub(super) fn source(&self) -> &SourceFile {
        &self.source
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next segment that something has to be done about. If there is none at all, the first one, so that somebody
    /// comes to settle the file.
    pub(super) fn take_next(&self) -> Option<u64> {
        let mut state = self.lock();
        let count = segment_count(self.size());
        while state.next < count && !state.is_skipped {
            let index = state.next;
            state.next += 1;
            let need = state.need(index);
            if need.send || need.hash {
                state.taken_count += 1;
                return Some(index);
            }
        }
        if state.taken_count == 0 && !state.is_settled && !state.is_skipped {
            state.taken_count += 1;
            return Some(count - 1);
        }
        None
    }

    pub(super) fn need(&self, index: u64) -> Need {
        let mut state = self.lock();
        let need = state.need(index);
        // What is asked for again is not held any more.
        Need { send: need.send || state.again_counts.get_mut(&index).is_some_and(|count| *count > 0), ..need }
    }

    pub(super) fn is_sent_again(&self, index: u64) -> bool {
        self.lock().again_counts.contains_key(&index)
    }

    /// Whether a segment may be sent once more: `None` after three times, or if there is no such segment.
    ///
    /// `true` if it was thought to be there: then all of it has to be looked at.
    pub(super) fn may_send_again(&self, index: u64) -> Option<bool> {
        let mut state = self.lock();
        let count = state.again_counts.entry(index).or_insert(0);
        *count += 1;
        let is_allowed = *count <= AGAIN_COUNT_MAX && index < segment_count(self.source.size());
        if is_allowed {
            state.taken_count += 1;
        }
        let was_held = std::mem::take(&mut state.is_held);
        if was_held {
            state.next = 0;
        }
        is_allowed.then_some(was_held)
    }

    pub(super) fn skip(&self) {
        let mut state = self.lock();
        state.is_skipped = true;
        state.opened = None;
    }

    /// Nobody needs it open for now: thousands of files are known until the end.
    pub(super) fn close(&self) {
        self.lock().opened = None;
    }

    /// The file, opened if nobody has it open.
    pub(super) fn open(&self) -> Result<Arc<Opened>, Error> {
        let mut state = self.lock();
        if let Some(opened) = &state.opened {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.source.open()?);
        if !state.is_skipped {
            state.opened = Some(Arc::clone(&opened));
        }
        Ok(opened)
    }

    /// Finds out whose turn it is to hash a segment, once what is before it is known.
    ///
    /// What an earlier run has remembered of a segment may be what is wrong with it, if it is asked for again: then it is
    /// hashed anew.
    pub(super) fn turn(&self, index: u64, patience: &Patience) -> Result<Turn, Error> {
        let mut state = self.lock();
        loop {
            let assembly = state.assembly.as_ref().expect("only what is verified is hashed");
            let is_again = state.again_counts.contains_key(&index);
            if let Some(record) = assembly.record(index).filter(|_| !is_again) {
                return Ok(Turn::Hashed(record));
            }
            if let Some(hasher) = assembly.begin(index).filter(|_| !state.hashing.contains(&index)) {
                state.hashing.insert(index);
                return Ok(Turn::Yours(hasher));
            }
            if state.is_skipped {
                return Err(Error::new(ErrorKind::Changed, "the file was given up"));
            }
            patience.check_end()?;
            state = self.landed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the next segment that can be hashed before anybody has looked at it; `None` while that is far enough ahead.
    pub(super) fn take_ahead(&self) -> Option<SegmentHasher> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let assembly = state.assembly.as_ref()?;
        let end = segment_count(self.source.size()).min(state.next + AHEAD_COUNT_MAX);
        while state.ahead < end && !state.is_skipped {
            let index = state.ahead;
            if !assembly.is_held(index) && !state.hashing.contains(&index) {
                let hasher = assembly.begin(index)?;
                state.hashing.insert(index);
                state.ahead += 1;
                return Some(hasher);
            }
            state.ahead += 1;
        }
        None
    }

    /// Takes back the hasher of a segment.
    pub(super) fn land(&self, hasher: SegmentHasher) -> Record {
        let mut state = self.lock();
        state.hashing.remove(&hasher.index());
        let assembly = state.assembly.as_mut().expect("only what is verified is hashed");
        let Landed::Held(record) = assembly.land(hasher) else {
            unreachable!("nobody claimed anything to the sender")
        };
        drop(state);
        self.landed.notify_all();
        self.kept.append(&record);
        record
    }

    /// A segment could not be read to be hashed: whoever sends it will find out why.
    pub(super) fn leave(&self, index: u64) {
        let mut state = self.lock();
        state.hashing.remove(&index);
        state.ahead = u64::MAX;
        drop(state);
        self.landed.notify_all();
    }

    /// A segment is done. `true` for whoever did the last: it settles the file.
    pub(super) fn done(&self) -> bool {
        let mut state = self.lock();
        state.taken_count -= 1;
        let is_last = state.taken_count == 0 && state.next >= segment_count(self.source.size());
        let settles = is_last && !state.is_settled && !state.is_skipped;
        state.is_settled |= settles;
        // Whoever settles it looks at it once more.
        if is_last && !settles {
            state.opened = None;
        }
        settles
    }

    /// The file is of no use any more. `true` for the first who says so.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.lock();
        state.opened = None;
        let is_first = !state.is_skipped;
        state.is_skipped = true;
        drop(state);
        self.landed.notify_all();
        is_first
    }

    /// What the whole was found to be; `None` where nothing is hashed.
    pub(super) fn finish(&self) -> Result<Option<Hashed>, Error> {
        let mut state = self.lock();
        let Some(assembly) = &mut state.assembly else { return Ok(None) };
        match assembly.finish(None) {
            Ok(hashed) => Ok(Some(hashed)),
            Err(error) => {
                let what =
                    format!("what was hashed of {} does not fit together", self.source.path().display());
                Err(Error::new(ErrorKind::Changed, what).because(error))
            }
        }
    }
}

impl State {
    fn need(&self, index: u64) -> Need {
        let place = self.held.partition_point(|range| range.end <= index);
        let is_held = self.held.get(place).is_some_and(|range| range.contains(&index));
        let is_hashed = self.assembly.as_ref().is_none_or(|assembly| assembly.is_held(index));
        Need { send: !is_held, hash: !is_hashed }
    }
}

/// Segments of a chain that are hashed before they are sent: a socket that is full for a moment keeps no core waiting.
const AHEAD_COUNT_MAX: u64 = 16;

/// How often a segment is sent again: whoever asks for more has another fault than the line.
const AGAIN_COUNT_MAX: u32 = 3;

#[cfg(test)]
mod tests;
