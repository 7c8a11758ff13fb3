//! Entries: what is found under a key that is no digest. An entry leads to a blob, its *value*, and names other blobs without
//! which it means nothing, its *references*.
//!
//! They stand in `meta.redb`. Changes gather in memory first, where all see them; whoever is to be told that one is durable
//! waits for a commit that covers all there are. An entry is found only while its value and its references are here: that is
//! looked at whenever it is asked for, so that nothing depends on when its row goes after one of them went.

mod change;
mod key;
mod known;
mod list;
mod look;
mod rows;
mod survey;

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, RwLock};

use aqueduct_blob::Digest;

use crate::commit::Committer;
use crate::fault::{ChangeError, ReadOnly, StorageFault};
use crate::poison::{alone, lock, share};
use crate::store::{Inner, Store};
pub use key::{Key, KeyError};
use known::Known;

/// What is found under a [`Key`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The blob that it leads to.
    pub value: Digest,
    /// The size of that, in bytes; set by the store.
    pub size: u64,
    /// Blobs without which it means nothing. The store keeps them sorted, each once, and without the value.
    pub references: Vec<Digest>,
    /// Small texts that come back with it: a name and what it says.
    pub fields: Vec<(String, String)>,
    /// When it was put, in seconds since 1970; set by the store.
    pub written: i64,
}

/// What becomes of another entry of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It is replaced.
    Replace,
    /// It stays.
    Keep,
}

/// What became of an entry that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    /// There was none of this key.
    New,
    /// There was another one, which is gone.
    Replaced,
    /// There was one that said exactly that.
    Same,
    /// There is another one, which was to stay.
    Kept,
}

/// Why an entry was not put.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EntryError {
    /// A blob is not here that it leads to or refers to.
    #[error("{digest} is not here, to which the entry refers; put it first")]
    Incomplete {
        /// The blob.
        digest: Digest,
    },
    /// There are as many entries, or as many references of all of them, as a store takes.
    #[error("the store takes no more than {limit} entries, references or namespaces; remove some")]
    TooMany {
        /// How many it takes.
        limit: u64,
    },
    /// It refers to too many blobs.
    #[error("an entry of {count} references, and {limit} are allowed")]
    TooManyReferences {
        /// To how many it refers.
        count: usize,
        /// To how many it may.
        limit: usize,
    },
    /// It has too many fields.
    #[error("an entry of {count} fields, and {limit} are allowed")]
    TooManyFields {
        /// How many it has.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A field is too long.
    #[error("a field of {len} bytes, and {limit} are allowed")]
    FieldTooLong {
        /// How long it is, name and all, in bytes.
        len: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A field has a name that is empty or has a colon, or a control character somewhere.
    #[error("a field that is not a name and a line of text")]
    BadField,
    /// The store takes no changes, or the disk failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StorageFault> for EntryError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

impl From<ReadOnly> for EntryError {
    fn from(error: ReadOnly) -> Self {
        Self::Change(error.into())
    }
}

/// What the store has of entries in memory.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Held by whoever changes one, from the look at what there is to the change.
    changing: Mutex<()>,
    known: RwLock<Known>,
    /// Held while what gathered is written, so that an older change is never written over a newer one.
    writing: Mutex<()>,
    rounds: Committer<(), Result<(), ChangeError>>,
    /// Blobs may be gone of which no entry heard.
    doubtful: AtomicBool,
    watchers: Watchers,
}

type Told = Box<dyn Fn(&Key) + Send + Sync>;

#[derive(Default)]
struct Watchers(RwLock<Vec<Told>>);

impl Store {
    /// Puts an entry, as durable as the policy asks when this returns. Its value and its references stay for a lease, in a
    /// store that evicts.
    ///
    /// # Errors
    /// Where a blob is not here that it names, where it is larger than an entry may be or there are too many, the store is
    /// read-only, or the disk fails.
    pub fn put_entry(
        &self,
        key: &Key,
        entry: Entry,
        overwrite: Overwrite,
    ) -> Result<EntryOutcome, EntryError> {
        self.inner.put_entry(key, entry, overwrite)
    }

    /// The entry of a key, as durable as the policy asks; `None` where there is none, or where its value or a reference is
    /// not here. One that is found counts as a use of all of these, which stay for a lease in a store that evicts. A suspect
    /// among them is hashed first.
    ///
    /// # Errors
    /// Where it cannot be read, or a blob not be looked at.
    pub fn entry(&self, key: &Key) -> Result<Option<Entry>, StorageFault> {
        self.inner.entry(key)
    }

    /// Whether there may be an entry: `Some(false)` where there surely is none, `Some(true)` where there may be one, `None`
    /// where nobody knows yet, before [`Store::read_entries`]. Asks no disk.
    #[must_use]
    pub fn may_have_entry(&self, key: &Key) -> Option<bool> {
        let known = share(&self.inner.entries.known);
        known.is_read.then(|| known.may_have(key))
    }

    /// Learns which entries there may be, once: whoever asks for one or changes one does so first, and it takes as long as to
    /// read all of them.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn read_entries(&self) -> Result<(), StorageFault> {
        self.inner.read_entries()
    }

    /// Removes an entry; false where there was none. Under [`SyncPolicy::Full`](crate::SyncPolicy) it does not come back after
    /// a power cut. Its value and references stay.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn remove_entry(&self, key: &Key) -> Result<bool, ChangeError> {
        self.inner.remove_entry(key)
    }

    /// Up to `limit` entries in the order of their keys, of all namespaces or of one, from the one after `after` on. Fewer
    /// than `limit` means that there are no more.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn entries(
        &self,
        namespace: Option<&str>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Entry)>, StorageFault> {
        self.inner.list_entries(namespace, after, limit)
    }

    /// How many entries there are of each namespace; none before they were read. Asks no disk.
    #[must_use]
    pub fn entry_counts(&self) -> BTreeMap<String, u64> {
        share(&self.inner.entries.known).counts().clone()
    }

    /// Has `told` hear of every key whose entry is removed or replaced from now on, after it was: by somebody, or because a
    /// blob went that it names. Whoever makes the change calls it, and waits for it.
    pub fn watch_entries(&self, told: impl Fn(&Key) + Send + Sync + 'static) {
        alone(&self.inner.entries.watchers.0).push(Box::new(told));
    }
}

impl Entry {
    /// All blobs that it names: the value and the references.
    pub(crate) fn named(&self) -> impl Iterator<Item = Digest> {
        iter::once(self.value).chain(self.references.iter().copied())
    }

    fn named_count(&self) -> u64 {
        1 + self.references.len() as u64
    }

    /// Whether it says what another one says, whenever either was put.
    fn says_same(&self, other: &Self) -> bool {
        (self.value, &self.references, &self.fields) == (other.value, &other.references, &other.fields)
    }

    fn put_in_order(&mut self) {
        self.references.sort_unstable();
        self.references.dedup();
        self.references.retain(|reference| *reference != self.value);
    }

    fn is_in_order(&self) -> bool {
        self.references.is_sorted_by(|one, next| one < next) && !self.references.contains(&self.value)
    }

    /// Whether an entry may be as large as this, and its fields be written down.
    fn check(&self) -> Result<(), EntryError> {
        let (count, limit) = (self.references.len(), REFERENCE_COUNT_MAX);
        if count > limit {
            return Err(EntryError::TooManyReferences { count, limit });
        }
        let (count, limit) = (self.fields.len(), FIELD_COUNT_MAX);
        if count > limit {
            return Err(EntryError::TooManyFields { count, limit });
        }
        for (name, value) in &self.fields {
            let (len, limit) = (name.len() + value.len(), FIELD_LEN_MAX);
            if len > limit {
                return Err(EntryError::FieldTooLong { len, limit });
            }
            let has_control = name.chars().chain(value.chars()).any(char::is_control);
            if name.is_empty() || name.contains(':') || has_control {
                return Err(EntryError::BadField);
            }
        }
        Ok(())
    }
}

impl Entries {
    /// Those of a store that was just opened.
    pub(crate) fn new() -> Self {
        Self {
            changing: Mutex::default(),
            known: RwLock::default(),
            writing: Mutex::default(),
            rounds: Committer::new(),
            doubtful: AtomicBool::new(false),
            watchers: Watchers::default(),
        }
    }

    /// Has every blob looked for that an entry names, once they are read.
    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Release);
    }
}

impl Inner {
    fn read_entries(&self) -> Result<(), StorageFault> {
        let entries = &self.entries;
        if share(&entries.known).is_read {
            return Ok(());
        }
        {
            let _changing = lock(&entries.changing);
            if share(&entries.known).is_read {
                return Ok(());
            }
            *alone(&entries.known) = self.meta.read_with(|database| {
                let mut known = Known::reading();
                rows::each(database, &mut |key, entry| known.read(&key, &entry))?;
                Ok(known)
            })?;
        }
        if entries.doubtful.swap(false, Ordering::AcqRel) {
            self.look_for_all_named()?;
        }
        Ok(())
    }
}

impl Watchers {
    fn tell(&self, key: &Key) {
        for told in &*share(&self.0) {
            told(key);
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

/// How many blobs an entry may refer to: the outputs of one action, of which the largest known have tens of thousands. Each
/// takes some 150 bytes in `meta.redb`, and is looked at whenever the entry is asked for.
pub const REFERENCE_COUNT_MAX: usize = 100_000;

/// What is said beside a body are a few lines of a head.
pub const FIELD_COUNT_MAX: usize = 16;

/// In bytes, of a name and its value: as long as the longest line of a head that a cache of builds is known to keep.
pub const FIELD_LEN_MAX: usize = 1024;

/// How many entries a store takes: of each nine bytes are in memory, up to 80 MiB, and `meta.redb`, which is read whole when the
/// store is opened, then has some GiB.
pub const ENTRY_COUNT_MAX: u64 = 4_000_000;

/// In how many namespaces: each has its name and its count in memory. A client makes one for each instance, prefix or team.
pub const NAMESPACE_COUNT_MAX: u64 = 10_000;

/// To how many blobs all of them may refer, values included, for the same reasons.
pub const ENTRY_REFERENCE_SUM_MAX: u64 = 4 * ENTRY_COUNT_MAX;

#[cfg(test)]
mod tests;
