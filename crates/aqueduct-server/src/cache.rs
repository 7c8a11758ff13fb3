//! Blobs that were asked for a moment ago, so that no worker is needed: small ones in memory, so that one write answers, and
//! others open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use aqueduct_blob::Digest;
use aqueduct_store::Blob;
use quick_cache::sync::{Cache as Lru, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::opened::Opened;

/// A bounded cache of whole small blobs, whose bytes were hashed when they came here, and of larger ones that are open.
#[derive(Debug)]
pub(crate) struct Cache {
    blobs: Lru<Digest, Kept, Weight>,
    opened: Opened,
    /// How many removals there were: what was read before one may be what it removed. Held while the cache is changed, so
    /// that nothing removed is ever found again.
    removal_count: Mutex<u64>,
    /// The largest blob that is kept.
    size_max: u64,
}

/// A small blob that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    bytes: Arc<[u8]>,
    head: Arc<OnceLock<Arc<[u8]>>>,
    /// Somebody asked for it since the store was last told of its use.
    is_used: Arc<AtomicBool>,
}

/// The state of a cache before a blob was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl Cache {
    /// For blobs of up to this size, and so many larger ones.
    pub(crate) fn new(size_max: u64, open_count_max: usize) -> Self {
        let estimated_count = usize::try_from(CACHE_LEN / 4096).unwrap_or(usize::MAX);
        // A shard takes nothing that is nearly as large as it is.
        let shard_count = (CACHE_LEN / size_max.max(1) / SHARD_BLOB_COUNT).clamp(1, SHARD_COUNT_MAX);
        let options = OptionsBuilder::new()
            .shards(usize::try_from(shard_count).unwrap_or(1))
            .estimated_items_capacity(estimated_count)
            .weight_capacity(CACHE_LEN)
            .build()
            .expect("the capacities are given");
        let blobs =
            Lru::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { blobs, opened: Opened::new(open_count_max), removal_count: Mutex::new(0), size_max }
    }

    /// Whether blobs of this size are kept.
    pub(crate) fn admits(&self, size: u64) -> bool {
        size <= self.size_max
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.kept(digest).map(|kept| kept.bytes)
    }

    /// A blob with the head that it was answered with.
    pub(crate) fn kept(&self, digest: &Digest) -> Option<Kept> {
        let kept = self.blobs.get(digest)?;
        // To write costs other cores their copy of the line.
        if !kept.is_used.load(Ordering::Relaxed) {
            kept.is_used.store(true, Ordering::Relaxed);
        }
        Some(kept)
    }

    /// Tells of every blob that was asked for since this was last called, and for which nobody went to the store.
    pub(crate) fn tell_uses(&self, told: impl Fn(&Digest)) {
        for (digest, kept) in self.blobs.iter() {
            if kept.is_used.swap(false, Ordering::Relaxed) {
                told(&digest);
            }
        }
    }

    /// A larger blob, open. Whoever finds that there are suspects must not ask: this may have been opened before it was one.
    pub(crate) fn opened(&self, digest: &Digest) -> Option<Blob> {
        self.opened.find(digest, Instant::now())
    }

    /// To be taken before a blob is opened that may then be put here.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(*self.removals())
    }

    /// Keeps a blob, unless any was removed since the ticket was taken.
    pub(crate) fn put(&self, ticket: Ticket, digest: Digest, bytes: Arc<[u8]>) {
        let removal_count = self.removals();
        if *removal_count == ticket.0 {
            self.blobs.insert(digest, Kept::new(bytes));
        }
    }

    /// Keeps a larger blob open, unless any was removed since the ticket was taken. For workers, since this may close another.
    pub(crate) fn put_open(&self, ticket: Ticket, blob: Blob) {
        let removal_count = self.removals();
        if *removal_count == ticket.0 {
            self.opened.put(blob, Instant::now());
        }
    }

    /// Closes a larger blob, for workers.
    pub(crate) fn close(&self, digest: &Digest) {
        drop(self.opened.take(digest));
    }

    /// Forgets a blob that was removed from the store, after it was, or is in doubt. For workers, since this closes it.
    pub(crate) fn removed(&self, digest: &Digest) {
        let mut removal_count = self.removals();
        *removal_count += 1;
        self.blobs.remove(digest);
        let opened = self.opened.take(digest);
        // To give space back takes time.
        drop(removal_count);
        drop(opened);
    }

    fn removals(&self) -> MutexGuard<'_, u64> {
        self.removal_count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        Self { bytes, head: Arc::default(), is_used: Arc::default() }
    }

    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The head of the reply that is all of it, as far as it is the same every time; `make` makes it for the first.
    pub(crate) fn head(&self, make: impl FnOnce() -> Vec<u8>) -> &Arc<[u8]> {
        self.head.get_or_init(|| make().into())
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Digest, Kept> for Weight {
    fn weight(&self, _: &Digest, kept: &Kept) -> u64 {
        kept.bytes.len() as u64 + ENTRY_LEN
    }
}

/// What small blobs may take of memory, in all: ten thousand of 4 KiB fit. Each that does not costs a worker.
const CACHE_LEN: u64 = 64 << 20;

/// The most that blobs may be let in at: one beyond it would push out half of what is there.
pub(crate) const BLOB_SIZE_MAX: u64 = 1 << 20;

/// How many of the largest blobs there is room for in each shard.
const SHARD_BLOB_COUNT: u64 = 8;

/// Locks enough for any number of reactors.
const SHARD_COUNT_MAX: u64 = 64;

/// What an entry takes beside its bytes, about; most of it is the head.
const ENTRY_LEN: u64 = 640;

#[cfg(test)]
mod tests;
