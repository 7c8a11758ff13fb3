//! One large file, or stream, that arrives.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_blob::{
    Algorithm, Assembly, Digest, Hashed, Hasher, Landed, Record, SegmentHasher, Unfinished, segment_count,
    segment_range,
};
use aqueduct_wire::transfer::{Entry, EntryId, Kind};

use crate::landing::Arriving;

/// One large file, or stream, that arrives.
pub(super) struct Arrival {
    pub(super) id: EntryId,
    /// What it is called when it is told of: all names that lead to it.
    pub(super) name: Vec<u8>,
    /// `None` for a stream.
    pub(super) size: Option<u64>,
    pub(super) place: Place,
    state: Mutex<State>,
}

/// Where it goes.
pub(super) enum Place {
    File(Arc<Arriving>),
    Stdout,
    /// Nobody wants it.
    Nowhere,
}

struct State {
    /// What its segments were found to be, where they are hashed.
    assembly: Option<Assembly>,
    /// Segments that are there, where they are not.
    present: BTreeSet<u64>,
    /// Segments that are there, and that nobody has made a record of yet.
    unrecorded_count: u64,
    /// What the sender has found it to be.
    whole: Option<Option<[u8; 32]>>,
    again_counts: HashMap<u64, u32>,
    is_settled: bool,
    /// Segments of which something may have been written in this attempt, and that are not there.
    begun: BTreeSet<u64>,
    /// Segments that some stream is in the midst of.
    active: BTreeSet<u64>,
    stream: Stream,
}

/// A stream so far.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) hasher: Option<Hasher>,
    pub(super) len: u64,
}

/// What lies where a segment is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// Nothing of this attempt.
    Fresh,
    /// Bytes that came before, and do not belong there.
    Touched,
}

/// What became of a segment.
pub(super) enum Judged {
    /// It is right, and there for the first time.
    New(Record),
    /// It is right, and was there before.
    Known,
    /// These are wrong.
    Wrong(Vec<u64>),
}

/// How a file stands.
pub(super) enum Standing {
    Waiting,
    /// All of it is there, and it is what the sender says.
    Whole(Option<Hashed>),
    Wrong(Vec<u64>),
    Mismatch(Digest),
}

impl Arrival {
    /// A file hashed under `algorithm`, if it is to be hashed, of which `restored` is there.
    pub(super) fn new(
        entry: &Entry,
        place: Place,
        algorithm: Option<Algorithm>,
        restored: &[Record],
    ) -> Self {
        let size = match entry.kind {
            Kind::Regular { size, .. } => Some(size),
            _ => None,
        };
        let count = segment_count(size.unwrap_or(0));
        let restored = || restored.iter().filter(|record| record.index < count);
        let assembly = size.and(algorithm).map(|algorithm| {
            let mut assembly = Assembly::new(algorithm, size.unwrap_or(0));
            // Those that were taken without a hash are worth nothing where there has to be one.
            restored().filter(|record| record.after != [0; 32]).for_each(|record| assembly.restore(record));
            assembly
        });
        let present: BTreeSet<u64> = match &assembly {
            Some(_) => BTreeSet::new(),
            None => restored().map(|record| record.index).collect(),
        };
        let stream = Stream { hasher: algorithm.map(Hasher::new), len: 0 };
        let state = State {
            assembly,
            present,
            unrecorded_count: 0,
            whole: None,
            again_counts: HashMap::new(),
            is_settled: matches!(place, Place::Nowhere),
            begun: BTreeSet::new(),
            active: BTreeSet::new(),
            stream,
        };
        Self { id: entry.id, name: entry.name.clone(), size, place, state: Mutex::new(state) }
    }

    pub(super) fn called(self, name: Vec<u8>) -> Self {
        Self { name, ..self }
    }

    /// What a file is whose segments are all in an earlier journal.
    pub(super) fn digest_of(
        entry: &Entry,
        algorithm: Option<Algorithm>,
        restored: &[Record],
    ) -> Option<Digest> {
        let arrival = Self::new(entry, Place::Nowhere, algorithm, restored);
        let mut state = arrival.lock();
        state.assembly.as_mut()?.finish(None).ok().map(|hashed| hashed.digest)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of the segments that the sender was told are there are not.
    pub(super) fn missing(&self, told: &[Range<u64>]) -> Vec<u64> {
        let state = self.lock();
        let count = segment_count(self.size.unwrap_or(0));
        let told = told.iter().flat_map(|range| range.start..range.end.min(count));
        told.filter(|index| !state.has(*index)).collect()
    }

    /// Bytes that are there.
    pub(super) fn held_len(&self) -> u64 {
        let state = self.lock();
        let size = self.size.unwrap_or(0);
        match &state.assembly {
            Some(assembly) => assembly.held_len(),
            None => state
                .present
                .iter()
                .map(|index| segment_range(size, *index))
                .map(|range| range.end - range.start)
                .sum(),
        }
    }

    /// Whether anybody wants it.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.place, Place::Nowhere)
    }

    /// Begins to hash a segment, if need be from what the sender says is before it: what disagrees with that is wrong.
    pub(super) fn begin(&self, index: u64, before: [u8; 32]) -> Option<(SegmentHasher, Vec<u64>)> {
        let mut state = self.lock();
        let assembly = state.assembly.as_mut()?;
        if let Some(hasher) = assembly.begin(index) {
            return Some((hasher, Vec::new()));
        }
        let wrong = match index.checked_sub(1) {
            Some(first) => assembly.claim(first, &[before]).ok()?,
            None => Vec::new(),
        };
        let hasher = assembly.begin(index)?;
        Some((hasher, wrong))
    }

    /// Judges a segment by what the sender says that it ends in.
    pub(super) fn judge(&self, hasher: SegmentHasher, after: &[u8; 32]) -> Judged {
        let index = hasher.index();
        let mut state = self.lock();
        let Some(assembly) = state.assembly.as_mut() else { return Judged::Known };
        let was_held = assembly.is_held(index);
        match assembly.land(hasher) {
            Landed::Held(record) if record.after == *after => {
                state.begun.remove(&index);
                if was_held {
                    return Judged::Known;
                }
                state.unrecorded_count += 1;
                Judged::New(record)
            }
            landed => {
                if let Landed::Held(_) = landed {
                    assembly.drop_record(index);
                }
                Judged::Wrong(vec![index])
            }
        }
    }

    /// Takes a segment of which nothing is known but that it is there.
    pub(super) fn take(&self, index: u64) -> Judged {
        let mut state = self.lock();
        if !state.present.insert(index) {
            return Judged::Known;
        }
        state.begun.remove(&index);
        state.unrecorded_count += 1;
        Judged::New(Record { index, before: [0; 32], after: [0; 32] })
    }

    /// A record was made of a new segment: what comes of the file may depend on it now.
    pub(super) fn recorded(&self) {
        self.lock().unrecorded_count -= 1;
    }

    /// Whether nothing that comes is of use any more.
    pub(super) fn is_settled(&self) -> bool {
        self.lock().is_settled
    }

    /// Whether a segment may be asked for once more.
    pub(super) fn may_ask_again(&self, index: u64) -> bool {
        let mut state = self.lock();
        let count = state.again_counts.entry(index).or_insert(0);
        *count += 1;
        *count <= AGAIN_COUNT_MAX
    }

    /// Whether a segment is there, and verified: whatever else comes for it is dropped.
    pub(super) fn has(&self, index: u64) -> bool {
        self.lock().has(index)
    }

    /// Lets one stream begin a segment: how it is then, or `None` while somebody else is in the midst of it, or once it is
    /// there.
    pub(super) fn enter(&self, index: u64) -> Option<Ground> {
        let mut state = self.lock();
        if state.is_settled || state.has(index) {
            return None;
        }
        state.active.insert(index).then_some(())?;
        Some(if state.begun.insert(index) { Ground::Fresh } else { Ground::Touched })
    }

    pub(super) fn leave(&self, index: u64) {
        self.lock().active.remove(&index);
    }

    /// Takes what the sender has found the whole to be.
    pub(super) fn tell_whole(&self, digest: Option<[u8; 32]>) {
        self.lock().whole = Some(digest);
    }

    /// How it stands. It is whole once, for whoever asks first.
    pub(super) fn standing(&self) -> Standing {
        let mut state = self.lock();
        let Some(whole) = state.whole else { return Standing::Waiting };
        let is_whole = state.unrecorded_count == 0 && state.has_all(segment_count(self.size.unwrap_or(0)));
        if state.is_settled || !is_whole {
            return Standing::Waiting;
        }
        let Some(assembly) = &mut state.assembly else {
            state.is_settled = true;
            return Standing::Whole(None);
        };
        let algorithm = assembly.algorithm();
        match assembly.finish(whole.map(|digest| Digest::new(algorithm, digest)).as_ref()) {
            Ok(hashed) => {
                state.is_settled = true;
                Standing::Whole(Some(hashed))
            }
            Err(Unfinished::Missing(segments) | Unfinished::Broken(segments)) => Standing::Wrong(segments),
            Err(Unfinished::Mismatch { actual }) => Standing::Mismatch(actual),
        }
    }

    /// The stream so far, for whoever takes more of it.
    pub(super) fn with_stream<T>(&self, work: impl FnOnce(&mut Stream) -> T) -> T {
        work(&mut self.lock().stream)
    }

    /// It is of no use any more. `true` for the first who says so.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.lock();
        !std::mem::replace(&mut state.is_settled, true)
    }
}

/// As often as `checkpoints` of the native protocol are asked for again.
const AGAIN_COUNT_MAX: u32 = 3;

impl State {
    fn has(&self, index: u64) -> bool {
        match &self.assembly {
            Some(assembly) => assembly.is_held(index),
            None => self.present.contains(&index),
        }
    }

    fn has_all(&self, count: u64) -> bool {
        match &self.assembly {
            Some(assembly) => assembly.missing().next().is_none(),
            None => self.present.len() as u64 == count,
        }
    }
}

#[cfg(test)]
mod tests;
