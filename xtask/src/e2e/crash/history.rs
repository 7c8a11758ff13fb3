//! What became of a blob, as its clients were told.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Present,
    Absent,
    /// Something was under way.
    Either,
}

/// All that one client after the other did to a blob. Moments are places in the log of a device, where there is one.
#[derive(Default)]
pub(super) struct History(Mutex<Vec<Deed>>);

struct Deed {
    becomes: Known,
    began: u64,
    /// When its end was heard of, if it was.
    ended: Option<u64>,
}

impl History {
    /// A client begins to put the blob, or to remove it.
    pub(super) fn begin(&self, becomes: Known, now: u64) {
        self.deeds().push(Deed { becomes, began: now, ended: None });
    }

    /// It heard that it is done.
    pub(super) fn end(&self, now: u64) {
        if let Some(deed) = self.deeds().last_mut() {
            deed.ended = Some(now);
        }
    }

    /// Somebody looked.
    pub(super) fn found(&self, becomes: Known, now: u64) {
        self.deeds().push(Deed { becomes, began: now, ended: Some(now) });
    }

    /// What was promised at a moment.
    pub(super) fn known(&self, at: u64) -> Known {
        self.deeds().iter().filter(|deed| deed.began <= at).fold(Known::Absent, |known, deed| {
            let is_done = deed.ended.is_some_and(|ended| ended <= at);
            if is_done || known == deed.becomes { deed.becomes } else { Known::Either }
        })
    }

    /// The moments at which an end was heard of.
    pub(super) fn ends(&self) -> Vec<u64> {
        self.deeds().iter().filter_map(|deed| deed.ended).collect()
    }

    fn deeds(&self) -> MutexGuard<'_, Vec<Deed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
