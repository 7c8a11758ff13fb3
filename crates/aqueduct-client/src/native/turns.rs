//! Uploads that are sent by one thread at a time.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use aqueduct_blob::UploadId;

/// The uploads under way. Who sends the same file at the same time would take each segment from the other; who waits
/// finds it stored.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: Mutex<BTreeSet<UploadId>>,
    ended: Condvar,
}

/// The right to send an upload, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    id: UploadId,
}

impl Turns {
    /// Waits until nobody else sends this upload.
    pub(super) fn take(&self, id: UploadId) -> Turn<'_> {
        let is_taken = |taken: &mut BTreeSet<UploadId>| taken.contains(&id);
        let taken = self.ended.wait_while(self.lock(), is_taken);
        taken.unwrap_or_else(PoisonError::into_inner).insert(id);
        Turn { turns: self, id }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<UploadId>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.id);
        self.turns.ended.notify_all();
    }
}
