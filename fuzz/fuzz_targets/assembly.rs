//! The assembly of a blob's segments against a model: whatever is restored, claimed, sent, damaged and dropped, in any
//! order, it holds what it should, names nothing wrongly, and an honest sender ends with the blob.

#![no_main]

use std::collections::BTreeMap;

use aqueduct_blob::{
    Algorithm, Assembly, Landed, Record, SEGMENT_LEN, Unfinished, checkpoint_count, segment_count,
    segment_range,
};
use aqueduct_fuzz::{Feed, Known, known};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut feed = Feed(bytes);
    let choice = feed.byte();
    if choice < 128 {
        let sent = &known()[usize::from(choice) % known().len()];
        let mut trial = Trial::new(sent.digest.algorithm(), sent.size());
        trial.run(&mut feed, Some(sent));
        if trial.full_left > 0 {
            trial.end_honestly(sent);
        }
    } else {
        // Of blobs that nobody has, nothing is sent.
        let algorithm = Algorithm::ALL[feed.below(2)];
        Trial::new(algorithm, feed.number()).run(&mut feed, None);
    }
});

struct Trial {
    assembly: Assembly,
    held: BTreeMap<u64, Record>,
    claims: BTreeMap<u64, [u8; 32]>,
    /// The last segment, as it was when it was asked for again.
    doubted: Option<Record>,
    /// How many full segments may still be hashed: each takes milliseconds.
    full_left: usize,
    has_claimed: bool,
}

impl Trial {
    fn new(algorithm: Algorithm, size: u64) -> Self {
        let mut trial = Self {
            assembly: Assembly::new(algorithm, size),
            held: BTreeMap::new(),
            claims: BTreeMap::new(),
            doubted: None,
            full_left: 2,
            has_claimed: false,
        };
        if size == 0 {
            // It is held from the start. What it ends in is known once it was landed.
            let nothing = trial.assembly.begin(0).expect("the first segment can always begin");
            let Landed::Held(record) = trial.assembly.land(nothing) else { panic!("nothing was claimed") };
            trial.held.insert(0, record);
        }
        trial
    }

    fn run(&mut self, feed: &mut Feed<'_>, sent: Option<&Known>) {
        while let Some(verb) = feed.next() {
            match verb % 8 {
                0 if !self.has_claimed => self.restore(feed),
                1 => {
                    let index = self.index(feed);
                    self.assembly.drop_record(index);
                    self.held.remove(&index);
                }
                2 => self.claim(feed, sent),
                3 => {
                    self.assembly.forget_claims();
                    self.claims.clear();
                }
                4 => {
                    if let Some(sent) = sent {
                        let (index, damaged) = (self.index(feed), feed.flag());
                        self.send(sent, index, damaged);
                    }
                }
                5 => drop(self.finish(sent.filter(|_| feed.flag()))),
                _ => {
                    let index = self.index(feed);
                    assert_eq!(self.assembly.begin(index).is_some(), self.can_begin(index));
                }
            }
            self.compare();
        }
    }

    /// Indexes near both ends are the ones that matter.
    fn index(&self, feed: &mut Feed<'_>) -> u64 {
        let count = segment_count(self.assembly.size());
        let byte = u64::from(feed.byte());
        if byte < 128 { byte % count } else { count - 1 - (byte - 128) % count }
    }

    fn can_begin(&self, index: u64) -> bool {
        self.assembly.algorithm() == Algorithm::Blake3
            || index == 0
            || self.claims.contains_key(&(index - 1))
            || self.held.contains_key(&(index - 1))
    }

    fn restore(&mut self, feed: &mut Feed<'_>) {
        let [before, after] = [feed.byte(), feed.byte()].map(|byte| [byte; 32]);
        let record = Record { index: self.index(feed), before, after };
        self.assembly.restore(&record);
        self.held.insert(record.index, record);
    }

    fn claim(&mut self, feed: &mut Feed<'_>, sent: Option<&Known>) {
        let count = checkpoint_count(self.assembly.algorithm(), self.assembly.size());
        let first = if feed.flag() { feed.number() } else { u64::from(feed.byte()) };
        let entries: Vec<[u8; 32]> = match sent.filter(|_| feed.flag()) {
            Some(sent) => sent.checkpoints.entries().to_vec(),
            None => (0..feed.below(4)).map(|_| [feed.byte(); 32]).collect(),
        };
        self.has_claimed = true;
        let Ok(disagreeing) = self.assembly.claim(first, &entries) else {
            assert!(first.checked_add(entries.len() as u64).is_none_or(|past| past > count));
            return;
        };
        self.claims.extend((first..).zip(entries));
        let expected: Vec<u64> =
            self.held.values().filter(|it| !self.agrees(it)).map(|it| it.index).collect();
        assert_eq!(disagreeing, expected);
        self.held.retain(|index, _| !disagreeing.contains(index));
    }

    fn agrees(&self, record: &Record) -> bool {
        let begins = match (self.assembly.algorithm(), record.index) {
            (Algorithm::Blake3, _) | (_, 0) => true,
            (Algorithm::Sha256, index) => {
                self.claims.get(&(index - 1)).is_none_or(|claim| *claim == record.before)
            }
        };
        begins && self.claims.get(&record.index).is_none_or(|claim| *claim == record.after)
    }

    fn send(&mut self, sent: &Known, index: u64, damaged: bool) {
        let range = segment_range(sent.size(), index);
        let len = range.end - range.start;
        if len == SEGMENT_LEN {
            if self.full_left == 0 {
                return;
            }
            self.full_left -= 1;
        }
        let Some(mut hasher) = self.assembly.begin(index) else {
            assert!(!self.can_begin(index));
            return;
        };
        let segment = &sent.bytes[range.start as usize..range.end as usize];
        assert_eq!((hasher.index(), hasher.left()), (index, len));
        match segment.split_last() {
            Some((last, rest)) => {
                hasher.update(rest);
                hasher.update(&[last ^ u8::from(damaged)]);
            }
            None => assert!(hasher.is_empty()),
        }
        match self.assembly.land(hasher) {
            Landed::Held(record) => {
                assert!(record.index == index && self.agrees(&record));
                self.held.insert(index, record);
            }
            Landed::Failed => _ = self.held.remove(&index),
        }
    }

    /// Whether it ended as a blob.
    fn finish(&mut self, expected: Option<&Known>) -> bool {
        let expected = expected.map(|expected| &expected.digest);
        match self.assembly.finish(expected) {
            Ok(hashed) => {
                assert!(expected.is_none_or(|expected| *expected == hashed.digest));
                assert_eq!(hashed.size, self.assembly.size());
                let (_, last) = self.held.last_key_value().expect("a blob has a segment");
                if hashed.digest.algorithm() == Algorithm::Sha256 {
                    assert_eq!(last.after, *hashed.digest.as_bytes(), "the last record is the name");
                    let links = self.held.values().zip(self.held.values().skip(1));
                    links.for_each(|(one, next)| assert_eq!(one.after, next.before));
                }
                return true;
            }
            Err(Unfinished::Missing(missing)) => {
                let mut expected = (0..).filter(|index| !self.held.contains_key(index));
                assert_eq!(missing.first().copied(), expected.next());
                assert!(missing.is_sorted() && missing.iter().all(|it| !self.held.contains_key(it)));
            }
            Err(Unfinished::Broken(broken)) => {
                assert!(!broken.is_empty());
                // Links that do not meet, or a first one that begins from something, name others than it alone.
                if broken[..] == [segment_count(self.assembly.size()) - 1] {
                    self.doubted = self.held.get(&broken[0]).copied();
                }
                broken.iter().for_each(|index| assert!(self.held.remove(index).is_some()));
            }
            Err(Unfinished::Mismatch { actual }) => assert!(expected.is_some_and(|it| *it != actual)),
        }
        false
    }

    fn compare(&self) {
        let size = self.assembly.size();
        let lens = self.held.keys().map(|&index| {
            let range = segment_range(size, index);
            range.end - range.start
        });
        assert_eq!(self.assembly.held_len(), lens.sum::<u64>());
        assert!(self.held.keys().all(|&index| self.assembly.is_held(index)));
        let ranges = self.assembly.held_ranges();
        assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert_eq!(ranges.iter().map(|it| it.end - it.start).sum::<u64>(), self.assembly.held_len());
        let count = checkpoint_count(self.assembly.algorithm(), size);
        assert_eq!(self.assembly.has_all_claims(), self.claims.len() as u64 == count);
    }

    /// However it got there, a sender who has the blob and claims no more than is true is done after a few rounds.
    fn end_honestly(&mut self, sent: &Known) {
        let dropped = self.assembly.claim(0, sent.checkpoints.entries()).expect("the list is the blob's");
        self.claims = (0..).zip(sent.checkpoints.entries().iter().copied()).collect();
        self.held.retain(|index, _| !dropped.contains(index));
        for _ in 0..ROUND_COUNT_MAX {
            let missing: Vec<u64> = self.assembly.missing().collect();
            for index in missing {
                self.full_left = 1;
                self.send(sent, index, false);
                assert!(self.assembly.is_held(index), "it is what is claimed");
            }
            if self.finish(Some(sent)) {
                return;
            }
            self.has_claimed = true;
        }
        // A blob of one segment has no claim that could tell its damage; whoever restored it wrongly is told so. And so
        // is whoever sent the same damage a second time: that was no accident.
        let count = segment_count(sent.size());
        let is_damaged_again = self.doubted.is_some() && self.held.get(&(count - 1)) == self.doubted.as_ref();
        assert!(count == 1 || is_damaged_again, "an honest sender is done");
    }
}

/// One for what is missing, one for what does not meet, one for the last segment in doubt, and one to see that it is done.
const ROUND_COUNT_MAX: usize = 4;
