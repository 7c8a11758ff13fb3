//! Blobs that came: written down, counted, and the last of them remembered for whoever looks what goes on.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;
use aqueduct_store::{Counts, Listed, Outcome, Published, Upload};
use aqueduct_sys::realtime_coarse;

use crate::metrics::METRICS;

/// A blob came in one piece, by these routes.
pub(crate) fn note(published: &Published, carried: &Carried) {
    remember(published);
    tracing::debug!(digest = %published.digest, size = published.size, %carried, "stored");
}

/// An upload became a blob: writes down what this process took in of it, too.
pub(crate) fn note_upload(upload: &Upload, published: &Published) {
    remember(published);
    let Counts { received, hashed, carried } = upload.counts();
    tracing::debug!(
        upload = %upload.id(), digest = %published.digest, size = published.size, received, hashed, %carried, "stored"
    );
}

/// The last blobs that came and are still here, the newest first.
pub(crate) fn recent() -> Vec<Listed> {
    last().iter().copied().collect()
}

/// A blob is not here any more.
pub(crate) fn forget(digest: &Digest) {
    last().retain(|listed| listed.digest != *digest);
}

fn remember(published: &Published) {
    let Published { digest, size, outcome } = *published;
    if outcome != Outcome::New {
        return;
    }
    METRICS.stored.inc();
    let published = realtime_coarse().seconds;
    let mut last = last();
    last.truncate(RECENT_COUNT_MAX - 1);
    last.push_front(Listed { digest, size, published });
}

fn last() -> MutexGuard<'static, VecDeque<Listed>> {
    // What it guards is whole between any two calls.
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

static LAST: Mutex<VecDeque<Listed>> = Mutex::new(VecDeque::new());

/// As many as fit on a screen.
const RECENT_COUNT_MAX: usize = 50;
