//! Checkpoint lists that are being sent: 8 MiB for a blob of a TiB, and no more than that however many ask for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use aqueduct_blob::{CheckpointList, Digest};

/// The lists that somebody holds.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    held: Mutex<HashMap<Digest, Weak<CheckpointList>>>,
}

impl Lists {
    /// The list of a blob that somebody holds, or else the one that `read` finds.
    pub(crate) fn find<E>(
        &self,
        digest: &Digest,
        read: impl FnOnce() -> Result<Option<CheckpointList>, E>,
    ) -> Result<Option<Arc<CheckpointList>>, E> {
        let held = self.held().get(digest).and_then(Weak::upgrade);
        if held.is_some() {
            return Ok(held);
        }
        let Some(list) = read()? else { return Ok(None) };
        let mut held = self.held();
        held.retain(|_, list| list.strong_count() > 0);
        // One that others have read meanwhile is as good.
        let list = held.get(digest).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(list));
        held.insert(*digest, Arc::downgrade(&list));
        Ok(Some(list))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Digest, Weak<CheckpointList>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
