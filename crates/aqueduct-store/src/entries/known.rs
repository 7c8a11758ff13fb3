//! What is known of entries in memory: whether there may be one, how many there are, and the changes that are not written yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use aqueduct_blob::Digest;

use super::rows::Change;
use super::{Entry, Key, NAMESPACE_COUNT_MAX};

/// What is known of the entries.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Nothing is known before what is written was read.
    pub(super) is_read: bool,
    hasher: RandomState,
    /// Of every key there is an entry of, changes included.
    fingerprints: HashSet<u64, BuildHasherDefault<Plain>>,
    /// Those that two keys have had at once: nobody can say when the last of them goes.
    shared: HashSet<u64>,
    counts: BTreeMap<String, u64>,
    count: u64,
    /// What all of them refer to.
    reference_count: u64,
    gathered: BTreeMap<Key, Gathered>,
    /// Which of what gathered refers to a blob.
    referrers: HashMap<Digest, BTreeSet<Key>>,
    /// How many rows it takes to write what gathered.
    row_count: usize,
    number: u64,
}

/// A change that is not written yet.
#[derive(Debug)]
struct Gathered {
    number: u64,
    entry: Option<Arc<Entry>>,
    /// To how many blobs the entry refers that is written.
    written: Option<u64>,
}

impl Known {
    /// What is known once all that is written was read, which is to be told.
    pub(super) fn reading() -> Self {
        Self { is_read: true, ..Self::default() }
    }

    /// Learns of an entry that is written.
    pub(super) fn read(&mut self, key: &Key, entry: &Entry) {
        self.count_in(key, entry.named_count());
    }

    /// Whether there may be an entry.
    pub(super) fn may_have(&self, key: &Key) -> bool {
        self.fingerprints.contains(&self.fingerprint(key))
    }

    /// The change to this entry that is not written yet, if there is one.
    pub(super) fn gathered(&self, key: &Key) -> Option<Option<Arc<Entry>>> {
        self.gathered.get(key).map(|gathered| gathered.entry.clone())
    }

    /// All such changes in the order of their keys, from the one after `after` on.
    pub(super) fn gathered_after<'a>(
        &'a self,
        after: Option<&'a Key>,
    ) -> impl Iterator<Item = (&'a Key, Option<&'a Entry>)> {
        self.after(after).map(|(key, gathered)| (key, gathered.entry.as_deref()))
    }

    fn after<'a>(&'a self, after: Option<&'a Key>) -> impl Iterator<Item = (&'a Key, &'a Gathered)> {
        self.gathered.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    /// The keys of those that refer to one of these.
    pub(super) fn referrers(&self, digests: &[Digest]) -> impl Iterator<Item = &Key> {
        digests.iter().filter_map(|digest| self.referrers.get(digest)).flatten()
    }

    pub(super) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// Whether there is an entry of this namespace, or may be one more of those.
    pub(super) fn has_room_for_namespace(&self, key: &Key) -> bool {
        (self.counts.len() as u64) < NAMESPACE_COUNT_MAX || self.counts.contains_key(key.namespace())
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn reference_count(&self) -> u64 {
        self.reference_count
    }

    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    /// From now on there is this entry, or none, where `before` was. Gives the number of the change.
    pub(super) fn change(&mut self, key: &Key, before: Option<&Entry>, after: Option<Arc<Entry>>) -> u64 {
        let before = before.map(Entry::named_count);
        if let Some(named_count) = before {
            self.count_out(key, named_count);
        }
        if let Some(after) = &after {
            self.count_in(key, after.named_count());
        }
        let written = match self.forget(key) {
            Some(gathered) => gathered.written,
            None => before,
        };
        self.gather(key, after, written);
        self.number
    }

    /// Up to `limit` of what has gathered by now, in the order of the keys, from the one after `after` on.
    pub(super) fn take(&self, after: Option<&Key>, limit: usize) -> Vec<Change> {
        let change = |(key, gathered): (&Key, &Gathered)| Change {
            key: key.clone(),
            number: gathered.number,
            entry: gathered.entry.clone(),
        };
        self.after(after).take(limit).map(change).collect()
    }

    /// What was taken is written.
    pub(super) fn written(&mut self, taken: &[Change]) {
        for change in taken {
            let Some(gathered) = self.gathered.get_mut(&change.key) else { continue };
            if gathered.number == change.number {
                self.forget(&change.key);
            } else {
                gathered.written = change.entry.as_deref().map(Entry::named_count);
            }
        }
    }

    /// A change cannot be written: what is written stands again. False where it was written after all, or there is a newer one.
    pub(super) fn take_back(&mut self, key: &Key, number: u64) -> bool {
        if self.gathered.get(key).is_none_or(|gathered| gathered.number != number) {
            return false;
        }
        let Some(gathered) = self.forget(key) else { return false };
        if let Some(entry) = &gathered.entry {
            self.count_out(key, entry.named_count());
        }
        if let Some(named_count) = gathered.written {
            self.count_in(key, named_count);
        }
        true
    }

    fn gather(&mut self, key: &Key, entry: Option<Arc<Entry>>, written: Option<u64>) {
        self.number += 1;
        for digest in entry.iter().flat_map(|entry| entry.named()) {
            self.referrers.entry(digest).or_default().insert(key.clone());
        }
        let gathered = Gathered { number: self.number, entry, written };
        self.row_count += gathered.row_count();
        self.gathered.insert(key.clone(), gathered);
    }

    fn forget(&mut self, key: &Key) -> Option<Gathered> {
        let gathered = self.gathered.remove(key)?;
        self.row_count -= gathered.row_count();
        for digest in gathered.entry.iter().flat_map(|entry| entry.named()) {
            if let Some(keys) = self.referrers.get_mut(&digest) {
                keys.remove(key);
                if keys.is_empty() {
                    self.referrers.remove(&digest);
                }
            }
        }
        Some(gathered)
    }

    fn count_in(&mut self, key: &Key, named_count: u64) {
        let fingerprint = self.fingerprint(key);
        if !self.fingerprints.insert(fingerprint) {
            self.shared.insert(fingerprint);
        }
        match self.counts.get_mut(key.namespace()) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(key.namespace().to_owned(), 1)),
        }
        self.count += 1;
        self.reference_count += named_count;
    }

    fn count_out(&mut self, key: &Key, named_count: u64) {
        let fingerprint = self.fingerprint(key);
        if !self.shared.contains(&fingerprint) {
            self.fingerprints.remove(&fingerprint);
        }
        if let Some(count) = self.counts.get_mut(key.namespace()) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(key.namespace());
            }
        }
        self.count -= 1;
        self.reference_count -= named_count;
    }

    fn fingerprint(&self, key: &Key) -> u64 {
        self.hasher.hash_one(key)
    }
}

impl Gathered {
    fn row_count(&self) -> usize {
        1 + self.entry.as_deref().map_or(0, |entry| 1 + entry.references.len())
    }
}

/// A fingerprint is a hash already.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
