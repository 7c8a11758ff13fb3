//! Entries that were asked for a moment ago, in memory: with their values, where these are small, so that one write answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_blob::Digest;
use aqueduct_store::{Entry, Key};
use quick_cache::Weighter;
use quick_cache::sync::Cache as Lru;

use crate::cache::Kept;
use crate::find::Found;

/// A bounded cache of entries. What they refer to was promised to stay for longer than they are kept, and their values are right.
#[derive(Debug)]
pub(crate) struct KeptEntries {
    entries: Lru<Key, KeptEntry, Weight>,
    /// How many entries went: what was read before one did may be what went. Held while this is changed, so that nothing that
    /// went is ever found again.
    gone_count: Mutex<u64>,
    /// Values too large for this that were hashed by this process, or came from memory that it hashed.
    verified: Lru<Digest, ()>,
}

#[derive(Clone, Debug)]
pub(crate) struct KeptEntry {
    pub(crate) value: Digest,
    pub(crate) fields: Arc<[(String, String)]>,
    /// The value, if it is small; `None` is one that is open.
    pub(crate) kept: Option<Kept>,
    until: Instant,
}

/// The state of the cache before an entry was looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl KeptEntries {
    pub(crate) fn new() -> Self {
        let estimated_count = usize::try_from(CACHE_LEN / 4096).unwrap_or(usize::MAX);
        Self {
            entries: Lru::with_weighter(estimated_count, CACHE_LEN, Weight),
            gone_count: Mutex::new(0),
            verified: Lru::new(VERIFIED_COUNT),
        }
    }

    /// What was found under a key not long ago.
    pub(crate) fn find(&self, key: &Key) -> Option<KeptEntry> {
        let entry = self.entries.get(key)?;
        (Instant::now() < entry.until).then_some(entry)
    }

    /// To be taken before an entry is looked for that may then be put here.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(*self.gone())
    }

    /// Keeps an entry, unless any went since the ticket was taken. What it leads to stays for `lease` from now on.
    pub(super) fn put(&self, ticket: Ticket, key: &Key, entry: &Entry, found: &Found, lease: Duration) {
        let kept = match found {
            Found::Bytes(bytes) => Some(Kept::new(Arc::clone(bytes))),
            Found::Open(_) => None,
        };
        let entry = KeptEntry {
            value: entry.value,
            fields: entry.fields.clone().into(),
            kept,
            until: Instant::now() + KEPT_TIME.min(lease / 4),
        };
        let gone_count = self.gone();
        if *gone_count == ticket.0 {
            self.entries.insert(key.clone(), entry);
        }
    }

    /// Forgets an entry that was replaced or removed, after it was.
    pub(crate) fn forget(&self, key: &Key) {
        let mut gone_count = self.gone();
        *gone_count += 1;
        self.entries.remove(key);
    }

    /// Whether a value was hashed since the process began.
    pub(super) fn is_verified(&self, value: &Digest) -> bool {
        self.verified.get(value).is_some()
    }

    pub(super) fn verified(&self, value: Digest) {
        self.verified.insert(value, ());
    }

    fn gone(&self) -> MutexGuard<'_, u64> {
        self.gone_count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, KeptEntry> for Weight {
    fn weight(&self, key: &Key, entry: &KeptEntry) -> u64 {
        let fields = entry.fields.iter().map(|(name, value)| name.len() + value.len());
        let texts = key.namespace().len() + key.key().len() + fields.sum::<usize>();
        // The fields stand in the head, too.
        let value_len = entry.kept.as_ref().map_or(0, |kept| kept.bytes().len());
        value_len as u64 + 2 * texts as u64 + ENTRY_LEN
    }
}

/// What entries may take of memory with their values, in all: the results of some thirty thousand actions.
const CACHE_LEN: u64 = 64 << 20;

/// Some MiB of memory. One more is hashed again when it is next asked for.
const VERIFIED_COUNT: usize = 1 << 16;

/// What one takes beside its value and its texts, about: most of it is the head.
const ENTRY_LEN: u64 = 768;

/// How long the store is not asked again. It notes a use when it is; and whoever takes files away by hand, behind the server's
/// back, is noticed.
const KEPT_TIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
