//! What an earlier attempt has left.

use std::collections::{HashMap, HashSet, hash_map};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::{Record, segment_range};
use aqueduct_sys::{FileType, Stat};
use aqueduct_wire::transfer::limits::{ASK_COUNT_MAX, HELD_RANGE_COUNT_MAX};
use aqueduct_wire::transfer::{HeldFile, Identity};

use super::journal::{Large, Place, Told};
use super::staging::Stage;
use super::walk;

/// What an earlier attempt has left, and what of it was not said again.
///
/// The journal tells what was held; what is not in the tree is not. And what is in the tree and not in the journal was not
/// finished, and is removed, so that a name that is taken later was taken by this attempt. Directories stay: whether they
/// are wanted shows in the end.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    held: HashMap<Identity, Held>,
    unsaid: Mutex<HashMap<Place, Left>>,
    /// Bytes that are there.
    pub(super) len: u64,
    /// Bytes that need no more room: those, and what was reserved for others.
    pub(super) room: u64,
    /// Places of which the journal speaks, and where nothing is: it is to be told so before anything else can be there.
    pub(super) gone: Vec<Place>,
}

/// What is at some place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Directory,
    /// A whole file of so many bytes.
    Small(Identity, u64),
    /// One that came in segments, and its number in the journal.
    Large(u64, Large),
}

/// What is there of the bytes that were a file of some identity.
#[derive(Clone, Debug)]
enum Held {
    Whole,
    Segments(Vec<Range<u64>>),
}

impl Earlier {
    /// Compares what was `told` with what is on `stage`, which was just opened, and removes what is of no use.
    pub(super) fn find(told: Told, stage: &Stage) -> aqueduct_sys::Result<Self> {
        // How large a small one is, only the stage tells.
        let mut files: HashMap<Place, Left> =
            told.small.into_iter().map(|(place, identity)| (place, Left::Small(identity, 0))).collect();
        // The last one of a place counts.
        files.extend(told.large.into_iter().map(|(number, large)| (large.place, Left::Large(number, large))));
        let mut unsaid = HashMap::new();
        let mut stats = HashMap::new();
        let mut keep = |place, stat: &Stat| match stat.file_type() {
            FileType::Directory => {
                unsaid.insert(place, Left::Directory);
                true
            }
            FileType::RegularFile => {
                let is_whole = |left: &Left| match left {
                    Left::Large(_, large) => !large.is_finished || large.size == stat.size,
                    Left::Small(..) | Left::Directory => true,
                };
                let found = match files.entry(place) {
                    hash_map::Entry::Occupied(found) if is_whole(found.get()) => Some(found.remove()),
                    _ => None,
                };
                let is_known = found.is_some();
                stats.insert(place, *stat);
                unsaid.extend(found.map(|found| match found {
                    Left::Small(identity, _) => (place, Left::Small(identity, stat.size)),
                    other => (place, other),
                }));
                is_known
            }
            // Links are as quickly made again.
            _ => false,
        };
        for (name, place) in stage.places()? {
            walk::sweep(&stage.dir, &name, place, &mut keep)?;
        }
        let mut held = HashMap::new();
        let (mut len, mut room) = (0, 0);
        for (place, left) in &unsaid {
            match left {
                Left::Directory => {}
                Left::Small(identity, size) => {
                    len += size;
                    room += size;
                    // There is nothing to be spared of an empty one.
                    if *size > 0 {
                        held.insert(*identity, Held::Whole);
                    }
                }
                Left::Large(_, large) => {
                    let held_len = large.records.keys().map(|index| segment_len(large, *index)).sum::<u64>();
                    // stat(2): in blocks of 512 bytes.
                    let reserved = stats.get(place).map_or(0, |stat| stat.block_count.saturating_mul(512));
                    len += held_len;
                    room += reserved.min(large.size).max(held_len);
                    let segments = || Held::Segments(joined(large.records.keys().copied()));
                    held.insert(large.identity, if large.is_finished { Held::Whole } else { segments() });
                }
            }
        }
        let gone = files.into_keys().collect();
        Ok(Self { held, unsaid: Mutex::new(unsaid), len, room, gone })
    }

    /// Whether anything is held.
    pub(super) fn is_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// What is there of these, up to the limits of one word. What is left out comes again.
    pub(super) fn held(&self, identities: &[Identity]) -> Vec<HeldFile> {
        let mut range_count = 0;
        let mut files = Vec::new();
        for (place, identity) in (0..).zip(identities).take(ASK_COUNT_MAX) {
            match self.held.get(identity) {
                None => {}
                Some(Held::Whole) => files.push(HeldFile { place, whole: true, segments: Vec::new() }),
                Some(Held::Segments(segments)) => {
                    let left = HELD_RANGE_COUNT_MAX - range_count;
                    let segments: Vec<_> = segments.iter().take(left).cloned().collect();
                    range_count += segments.len();
                    if !segments.is_empty() {
                        files.push(HeldFile { place, whole: false, segments });
                    }
                }
            }
        }
        files
    }

    /// What is at `place`, which was said again. The next one hears that nothing is.
    pub(super) fn take(&self, place: &Place) -> Option<Left> {
        self.unsaid().remove(place)
    }

    /// The places of what was not said again.
    pub(super) fn unsaid_places(&self) -> HashSet<Place> {
        self.unsaid().keys().copied().collect()
    }

    fn unsaid(&self) -> MutexGuard<'_, HashMap<Place, Left>> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a segment.
pub(super) fn segment_len(large: &Large, index: u64) -> u64 {
    let range = segment_range(large.size, index);
    range.end - range.start
}

/// What is held of `large`, in order.
pub(super) fn records(large: &Large) -> Vec<Record> {
    large.records.values().copied().collect()
}

/// Ranges of these numbers, which ascend, with neighbours joined.
fn joined(indices: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for index in indices {
        match ranges.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => ranges.push(index..index + 1),
        }
    }
    ranges
}
