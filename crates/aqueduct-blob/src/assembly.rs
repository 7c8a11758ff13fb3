//! A blob whose segments come in any order, from several senders, some of them more than once.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::chain::Chain;
use crate::checkpoints::{CheckpointList, checkpoint_count};
use crate::digest::{Algorithm, Digest};
use crate::hasher::Hashed;
use crate::segment::{SEGMENT_LEN, SegmentHasher, segment_count, segment_range};
use crate::tree;

/// What is known of a blob that is being put together: what each segment that is held begins from and ends
/// in, and what its sender claims.
///
/// Whoever receives hashes each segment once, on its way in, and never again:
///
/// ```text
///   begin(index) ──▶ SegmentHasher ──its bytes──▶ land() ──▶ Held: a record
///                                                       └──▶ Failed: send it again
///   claim(first, entries) ──▶ the records that disagree with it are dropped: send those again
///   finish() ──▶ every link holds, and the last one ends in the name
/// ```
///
/// A *record* is what this receiver computed. A *claim* is an entry of the sender's checkpoint list, and is
/// never believed: it lets a SHA-256 segment begin before the one ahead of it is there, and it tells which of
/// two segments is damaged when they do not meet. What [finish](Self::finish) finds rests on records alone.
///
/// Memory grows with what was received: about 100 bytes a segment, and 50 for its claim, so some 40 MiB for
/// a TiB.
#[derive(Clone, Debug)]
pub struct Assembly {
    algorithm: Algorithm,
    size: u64,
    /// Each agrees with the claims beside it.
    held: BTreeMap<u64, Link>,
    /// Entries of the sender's list.
    claims: BTreeMap<u64, [u8; 32]>,
    /// The last segment, as it was when the whole had another name than it should.
    doubted: Option<Link>,
}

impl Assembly {
    /// Begins a blob of `size` bytes of which nothing is held. The one segment of the empty blob is held from
    /// the start, since there is nothing to send.
    pub fn new(algorithm: Algorithm, size: u64) -> Self {
        let (held, claims) = (BTreeMap::new(), BTreeMap::new());
        let mut assembly = Self { algorithm, size, held, claims, doubted: None };
        if size == 0 {
            let nothing = assembly.begin(0).expect("the first segment can always begin");
            let _held = assembly.land(nothing);
        }
        assembly
    }

    /// The algorithm that will name the blob.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The size of the blob.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes `entries` as what the sender says of its checkpoint list, from entry `first` on. A claim that was
    /// made before is replaced.
    ///
    /// Returns the segments whose records disagree, in order. They are held no more.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] where the list of such a blob has no such entries. Nothing is taken then.
    pub fn claim(&mut self, first: u64, entries: &[[u8; 32]]) -> Result<Vec<u64>, OutOfBounds> {
        let count = checkpoint_count(self.algorithm, self.size);
        let past = first.checked_add(entries.len() as u64).filter(|past| *past <= count);
        let past = past.ok_or(OutOfBounds { count })?;
        self.claims.extend((first..past).zip(entries.iter().copied()));
        // An entry is the end of one segment and, in a chain, the start of the next.
        let disagreeing: Vec<u64> = self
            .held
            .range(first..past.saturating_add(1))
            .filter(|&(&index, link)| !self.agrees(index, link))
            .map(|(&index, _)| index)
            .collect();
        for index in &disagreeing {
            self.drop_record(*index);
        }
        Ok(disagreeing)
    }

    /// Forgets everything that the sender claimed. Records stay.
    pub fn forget_claims(&mut self) {
        self.claims.clear();
    }

    /// Whether every entry of the checkpoint list was claimed; a blob of one segment has none.
    pub fn has_all_claims(&self) -> bool {
        self.claims.len() as u64 == checkpoint_count(self.algorithm, self.size)
    }

    /// Begins to hash segment `index`, which exists. `None` while the state before it is not known: in a
    /// SHA-256 chain it is the end of the segment before, which has to be held or claimed first.
    pub fn begin(&self, index: u64) -> Option<SegmentHasher> {
        assert!(index < segment_count(self.size), "only a segment of the blob can begin");
        Some(match self.algorithm {
            Algorithm::Blake3 => SegmentHasher::tree(self.size, index),
            Algorithm::Sha256 if index == 0 => SegmentHasher::chain(self.size, index, Chain::new()),
            Algorithm::Sha256 => {
                let before = index - 1;
                let state =
                    self.claims.get(&before).or_else(|| self.held.get(&before).map(|link| &link.after))?;
                SegmentHasher::chain(self.size, index, Chain::resume(state, index * SEGMENT_LEN))
            }
        })
    }

    /// Takes back the hasher of a segment that was given all its bytes, and records the segment unless it
    /// disagrees with a claim. A record of the same segment is replaced: these bytes were written last.
    pub fn land(&mut self, hasher: SegmentHasher) -> Landed {
        let index = hasher.index();
        let before = *hasher.before();
        let link = Link { before, after: hasher.finish() };
        self.put(index, link)
    }

    /// Takes a record that this receiver made in an earlier life. Nothing was claimed yet.
    pub fn restore(&mut self, record: &Record) {
        let Record { index, before, after } = *record;
        assert!(index < segment_count(self.size), "a record is of a segment of the blob");
        self.held.insert(index, Link { before, after });
    }

    /// Forgets that segment `index` is held.
    pub fn drop_record(&mut self, index: u64) {
        self.held.remove(&index);
    }

    /// Whether segment `index` is held.
    pub fn is_held(&self, index: u64) -> bool {
        self.held.contains_key(&index)
    }

    /// What segment `index` was found to be, if it is held.
    pub fn record(&self, index: u64) -> Option<Record> {
        self.held.get(&index).map(|link| Record { index, before: link.before, after: link.after })
    }

    /// The segments that are not held, in order.
    pub fn missing(&self) -> impl Iterator<Item = u64> {
        (0..segment_count(self.size)).filter(|index| !self.is_held(*index))
    }

    /// Where in the blob the segments lie that are held: in order, neighbours joined, none empty.
    pub fn held_ranges(&self) -> Vec<Range<u64>> {
        let mut ranges = joined(self.held.keys().copied(), self.size);
        ranges.retain(|range| !range.is_empty());
        ranges
    }

    /// Bytes that are held.
    pub fn held_len(&self) -> u64 {
        let Some((&last, _)) = self.held.last_key_value() else { return 0 };
        // Only the last segment of the blob may be short of the full len.
        let last = segment_range(self.size, last);
        (self.held.len() as u64 - 1) * SEGMENT_LEN + (last.end - last.start)
    }

    /// Finds the name of the blob, once all of it is held, and holds it against the name that is `expected`,
    /// if any is.
    ///
    /// What it finds is the hash of the bytes that were hashed, whatever was claimed.
    ///
    /// # Errors
    ///
    /// What is still to be sent before the blob has that name, or that it has another; see [`Unfinished`].
    pub fn finish(&mut self, expected: Option<&Digest>) -> Result<Hashed, Unfinished> {
        let missing: Vec<u64> = self.missing().take(MISSING_COUNT_MAX).collect();
        if !missing.is_empty() {
            return Err(Unfinished::Missing(missing));
        }
        let broken = self.broken();
        if !broken.is_empty() {
            return Err(self.again(broken));
        }
        let hashed = self.hashed();
        if expected.is_none_or(|expected| *expected == hashed.digest) {
            return Ok(hashed);
        }
        let (&last, &link) = self.held.last_key_value().expect("there is always a segment");
        // No claim says what a chain ends in, so damage to the last segment is seen only here. If the same
        // bytes come again, they were no accident.
        let may_be_damage = self.algorithm == Algorithm::Sha256 && last > 0 && self.has_all_claims();
        if may_be_damage && self.doubted != Some(link) {
            self.doubted = Some(link);
            return Err(self.again(vec![last]));
        }
        Err(Unfinished::Mismatch { actual: hashed.digest })
    }

    fn put(&mut self, index: u64, link: Link) -> Landed {
        if !self.agrees(index, &link) {
            self.drop_record(index);
            return Landed::Failed;
        }
        self.held.insert(index, link);
        Landed::Held(Record { index, before: link.before, after: link.after })
    }

    /// Whether a segment begins and ends as is claimed, as far as anything is.
    fn agrees(&self, index: u64, link: &Link) -> bool {
        let before = match self.algorithm {
            Algorithm::Sha256 => index.checked_sub(1).and_then(|before| self.claims.get(&before)),
            Algorithm::Blake3 => None,
        };
        before.is_none_or(|claimed| *claimed == link.before)
            && self.claims.get(&index).is_none_or(|claimed| *claimed == link.after)
    }

    /// The segments on both sides of each place where a chain does not hold. Where no claim arbitrates, either
    /// the first may be damaged, or the second have begun from a claim that was wrong. And the first of all, if
    /// it does not begin from nothing.
    fn broken(&self) -> Vec<u64> {
        if self.algorithm == Algorithm::Blake3 {
            return Vec::new();
        }
        // Nobody receives such a one, but a record of an earlier life says what is in a file.
        let begins_late = self.held.first_key_value().filter(|(_, link)| link.before != Chain::new().state());
        let pairs = self.held.iter().zip(self.held.iter().skip(1));
        let apart = pairs
            .filter(|((_, one), (_, next))| one.after != next.before)
            .flat_map(|((one, _), (next, _))| [*one, *next]);
        let mut broken: Vec<u64> = begins_late.map(|(first, _)| *first).into_iter().chain(apart).collect();
        broken.dedup();
        broken
    }

    fn again(&mut self, segments: Vec<u64>) -> Unfinished {
        for index in &segments {
            self.drop_record(*index);
        }
        Unfinished::Broken(segments)
    }

    /// The hash of the whole, of which every segment is held and every link meets the next.
    fn hashed(&self) -> Hashed {
        let mut ends: Vec<[u8; 32]> = self.held.values().map(|link| link.after).collect();
        let name = match (self.algorithm, &ends[..]) {
            (Algorithm::Blake3, [_, _, ..]) => tree::root(&ends),
            _ => ends.pop().expect("there is always a segment"),
        };
        let checkpoints = CheckpointList::new(self.algorithm, self.size, ends)
            .expect("every segment has an end, and the one that is the digest is left out");
        Hashed { digest: Digest::new(self.algorithm, name), size: self.size, checkpoints }
    }
}

/// What hashing one segment found: as much as has to be kept so that it never has to be hashed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The segment.
    pub index: u64,
    /// For SHA-256 the state before it; for BLAKE3 zeroes.
    pub before: [u8; 32],
    /// What it ends in: the state or the chaining value after it, or the digest.
    pub after: [u8; 32],
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Landed {
    /// It is held.
    Held(Record),
    /// It disagrees with what is claimed: it has to be sent again. It is not held.
    Failed,
}

/// Claims reach past the end of the checkpoint list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the blob has {count} checkpoints, and others were given")]
pub struct OutOfBounds {
    /// Entries that the list of such a blob has.
    pub count: u64,
}

/// Why an [`Assembly`] is not a blob yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Segments were never held, or are not any more: the first of them, in order, at most 4096.
    #[error("segments are missing, the first of them number {}", .0[0])]
    Missing(Vec<u64>),
    /// Segments do not meet, or the end of the whole is in doubt. They are held no more: send them again.
    /// This comes a bounded number of times only if the sender is honest.
    #[error("{} segments are damaged", .0.len())]
    Broken(Vec<u64>),
    /// Everything is there and agrees, and has another name. With all claims made, the sender never had the
    /// blob; without, it may be damage.
    #[error("the bytes are {actual}")]
    Mismatch {
        /// The name of the bytes.
        actual: Digest,
    },
}

/// So many are named at once: a blob has as many as its sender says.
const MISSING_COUNT_MAX: usize = 4096;

/// What a segment begins from and ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    /// Zeroes in a tree.
    before: [u8; 32],
    after: [u8; 32],
}

/// The ranges of the segments `indices`, which ascend, with neighbours joined.
pub(crate) fn joined(indices: impl IntoIterator<Item = u64>, size: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for range in indices.into_iter().map(|index| segment_range(size, index)) {
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;
