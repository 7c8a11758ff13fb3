//! Blobs too large for memory that were asked for a moment ago, and stay open: nobody looks for their names again.

use std::time::{Duration, Instant};

use aqueduct_blob::Digest;
use aqueduct_store::Blob;
use quick_cache::sync::{Cache as Lru, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

/// A bounded cache of open blobs.
#[derive(Debug)]
pub(crate) struct Opened(Lru<Digest, (Blob, Instant)>);

impl Opened {
    /// For so many blobs.
    pub(crate) fn new(count_max: usize) -> Self {
        let options = OptionsBuilder::new()
            // Shards would round the count up.
            .shards(1)
            .estimated_items_capacity(count_max)
            .weight_capacity(count_max as u64)
            .build()
            .expect("the capacities are given");
        let (hashers, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Lru::with_options(options, UnitWeighter, hashers, lifecycle))
    }

    /// A blob that was opened not long before `now`.
    pub(crate) fn find(&self, digest: &Digest, now: Instant) -> Option<Blob> {
        let (blob, opened) = self.0.get(digest)?;
        (now.saturating_duration_since(opened) < OPEN_TIME).then_some(blob)
    }

    /// Keeps a blob open that was opened at `now`. For workers, like all that closes files.
    pub(crate) fn put(&self, blob: Blob, now: Instant) {
        self.0.insert(blob.digest(), (blob, now));
    }

    /// What was kept under this name; it closes when it is dropped.
    #[must_use]
    pub(crate) fn take(&self, digest: &Digest) -> Option<Blob> {
        self.0.remove(digest).map(|(_, (blob, _))| blob)
    }
}

/// How long a name is not looked for again. The store notes a use when it is; and whoever takes files away by hand, behind the
/// server's back, is noticed.
const OPEN_TIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
