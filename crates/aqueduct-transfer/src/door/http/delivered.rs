//! What one receiver has been given, by one request or several.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::time::Instant;

use aqueduct_flow::Carried;
use aqueduct_wire::transfer::Identity;

/// A path below the capability, with slashes between its names.
type Path = Vec<u8>;

/// Files of which all bytes, or some, were given and acknowledged.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// How many receivers had everything before this one.
    pub(super) turn: Turn,
    begun: HashMap<Path, Begun>,
    /// Files that were given whole, and which each of them was; at most [`FILE_COUNT_MAX`].
    whole: HashMap<Path, Identity>,
    /// Bytes of these.
    whole_size: u64,
    /// What is wanted, once the first file was given.
    pub(super) wanted: Option<Wanted>,
    /// When the first request for bytes came.
    pub(super) began: Option<Instant>,
    /// What was in the tar stream, once all was given as one.
    tar: Option<Contents>,
    /// What carried whatever was given.
    pub(super) carried: Carried,
}

/// Whose receiver's something is: an answer that began for one gives the next one nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn(u64);

/// How many files there are, and how much has to be left out, each told as an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) file_count: u64,
    pub(super) left_count: u64,
    /// Bytes of the files.
    pub(super) size: u64,
}

impl Contents {
    /// A file of `size` bytes is one of them.
    pub(super) fn add(&mut self, size: u64) {
        self.file_count += 1;
        self.size += size;
    }
}

/// What whoever fetches file by file has to fetch.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) files: HashSet<Path>,
    /// Whether there is more than can be fetched file by file.
    pub(super) is_too_much: bool,
    /// What has to be left out, and why; at most [`FILE_COUNT_MAX`].
    pub(super) left: Vec<(Path, String)>,
}

#[derive(Debug)]
struct Begun {
    identity: Identity,
    ranges: Union,
}

impl Delivered {
    /// These bytes of a file of `size` bytes were given. Says how many of them were not given before. A file that has changed
    /// begins anew.
    pub(super) fn add(&mut self, path: &[u8], identity: Identity, size: u64, range: Range<u64>) -> u64 {
        if self.whole.contains_key(path) || self.is_full(path) {
            return 0;
        }
        let begun = self
            .begun
            .entry(path.to_vec())
            .and_modify(|begun| {
                if begun.identity != identity {
                    *begun = Begun { identity, ranges: Union::default() };
                }
            })
            .or_insert_with(|| Begun { identity, ranges: Union::default() });
        let before = begun.ranges.len();
        begun.ranges.add(range);
        let len = begun.ranges.len();
        if len >= size {
            self.begun.remove(path);
            self.whole.insert(path.to_vec(), identity);
            self.whole_size += size;
        }
        len.saturating_sub(before)
    }

    /// Whose an answer is that begins now: what one receiver has been given whole is only to be taken.
    pub(super) fn next_turn(&self) -> Turn {
        Turn(self.turn.0 + u64::from(self.all().is_some()))
    }

    /// What one receiver was given: from now on it is the next one's.
    pub(super) fn take(&mut self) -> Self {
        let next = Self { turn: Turn(self.turn.0 + 1), ..Self::default() };
        std::mem::replace(self, next)
    }

    /// Whether it has to be found out what is wanted.
    pub(super) fn needs_wanted(&self) -> bool {
        self.tar.is_none() && !self.whole.is_empty() && self.wanted.is_none()
    }

    /// All was given as one tar stream.
    pub(super) fn add_tar(&mut self, contents: Contents) {
        self.tar = Some(contents);
    }

    /// What was in the tar stream, if all was given as one.
    pub(super) fn tar(&self) -> Option<Contents> {
        self.tar
    }

    /// What was given, if that is all that is wanted.
    pub(super) fn all(&self) -> Option<Contents> {
        if self.tar.is_some() {
            return self.tar;
        }
        let Wanted { files, is_too_much, left } = self.wanted.as_ref()?;
        let is_all = !is_too_much
            && self.whole.len() >= files.len()
            && files.iter().all(|path| self.whole.contains_key(path));
        let (file_count, left_count) = (self.whole.len() as u64, left.len() as u64);
        is_all.then_some(Contents { file_count, left_count, size: self.whole_size })
    }

    /// Which file was given whole, if that is one alone.
    pub(super) fn only(&self) -> Option<Identity> {
        let mut whole = self.whole.values().filter(|_| self.whole.len() == 1);
        whole.next().copied()
    }

    /// Whether no more files are kept in mind.
    fn is_full(&self, path: &[u8]) -> bool {
        self.whole.len() >= FILE_COUNT_MAX
            || (self.begun.len() >= BEGUN_COUNT_MAX && !self.begun.contains_key(path))
    }
}

/// Ranges that were given, as ends by starts: none touches another.
#[derive(Debug, Default)]
struct Union {
    ends: BTreeMap<u64, u64>,
}

impl Union {
    fn add(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        if start >= end || self.ends.len() >= RANGE_COUNT_MAX && !self.touches(start, end) {
            return;
        }
        // Those that touch it become one with it.
        while let Some((&other, &other_end)) = self.ends.range(..=end).next_back().filter(|it| *it.1 >= start)
        {
            self.ends.remove(&other);
            start = start.min(other);
            end = end.max(other_end);
        }
        self.ends.insert(start, end);
    }

    fn touches(&self, start: u64, end: u64) -> bool {
        self.ends.range(..=end).next_back().is_some_and(|(_, other_end)| *other_end >= start)
    }

    fn len(&self) -> u64 {
        self.ends.iter().map(|(start, end)| end - start).sum()
    }
}

/// More files than these are fetched as one tar stream, or it does not become clear that all were.
pub(super) const FILE_COUNT_MAX: usize = 100_000;

/// Files that are being fetched at the same time.
const BEGUN_COUNT_MAX: usize = 1000;

/// Holes in what was given of one file: programs that fetch in parallel make some ten.
const RANGE_COUNT_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity([1; 16]);

    #[test]
    fn a_file_is_given_when_the_union_of_what_was_given_is_all_of_it() {
        let mut delivered = Delivered::default();
        let mut add = |range| delivered.add(b"f", IDENTITY, 100, range);
        assert_eq!(add(50..60), 10);
        assert_eq!(add(0..20), 20);
        assert_eq!(add(10..55), 30, "what was given before counts once");
        assert_eq!(add(60..99), 39);
        assert_eq!(add(20..30), 0);
        assert_eq!(add(99..100), 1);
        assert_eq!(add(0..100), 0);
        assert!(delivered.whole.contains_key(&b"f"[..]));
    }

    #[test]
    fn a_file_that_has_changed_begins_anew_and_an_empty_one_is_given_at_once() {
        let mut delivered = Delivered::default();
        delivered.add(b"f", IDENTITY, 100, 0..99);
        assert_eq!(delivered.add(b"f", Identity([2; 16]), 100, 99..100), 1);
        assert!(delivered.whole.is_empty());
        delivered.add(b"empty", IDENTITY, 0, 0..0);
        assert!(delivered.whole.contains_key(&b"empty"[..]));
    }

    #[test]
    fn a_thousand_holes_are_kept_in_mind_and_no_more() {
        let mut union = Union::default();
        for i in 0..10_000 {
            union.add(i * 10..i * 10 + 1);
        }
        assert_eq!(union.ends.len(), RANGE_COUNT_MAX);
        union.add(0..100_000);
        assert_eq!((union.ends.len(), union.len()), (1, 100_000));
    }
}
