//! The uploads that somebody has open.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};

use aqueduct_blob::UploadId;

use super::Upload;
use super::receiving::Part;
use super::shared::Shared;
use crate::poison::lock;
use crate::store::Inner;
use crate::turns::Turns;

/// The uploads of a store that are open.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    open: Mutex<HashMap<UploadId, Weak<Shared>>>,
    /// In the order in which they were parked, no upload twice.
    parked: Mutex<Vec<Parked>>,
    /// No name that was taken away since the store was opened, or before, may come back. False until it is known.
    pub(super) is_gone_for_good: AtomicBool,
    /// Held while an upload is opened or taken away, so that nobody sees it half made.
    pub(super) turns: Turns<UploadId>,
}

/// A receiver in the middle of its segment, which keeps its upload open.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) shared: Arc<Shared>,
    pub(super) part: Part,
    pub(super) price: Price,
}

/// What a [parked](Upload::park) receiver is kept with, and dropped with when it is given up: a place among those who have
/// files open, for one.
pub type Price = Box<dyn Any + Send>;

impl Uploads {
    /// The upload, if somebody has it open.
    pub(super) fn open(&self, id: UploadId) -> Option<Arc<Shared>> {
        lock(&self.open).get(&id).and_then(Weak::upgrade)
    }

    /// Whether anybody has the upload open, beside a receiver that is parked.
    pub(super) fn is_in_use(&self, id: UploadId) -> bool {
        let parked_count = usize::from(self.look_at_parked(id, |_| Some(())).is_some());
        let open = lock(&self.open);
        open.get(&id).is_some_and(|shared| shared.strong_count() > parked_count)
    }

    pub(super) fn park(&self, newcomer: Parked) {
        let mut parked = lock(&self.parked);
        let older = parked.iter().position(|parked| parked.shared.id == newcomer.shared.id);
        // One too many costs the sender of the oldest part of a segment.
        let given_up = older.or_else(|| (parked.len() >= PARKED_COUNT_MAX).then_some(0));
        let given_up = given_up.map(|place| parked.remove(place));
        parked.push(newcomer);
        drop(parked);
        // To close files may wait for a disk.
        drop(given_up);
    }

    pub(super) fn unpark(&self, id: UploadId) -> Option<Parked> {
        let mut parked = lock(&self.parked);
        let place = parked.iter().position(|parked| parked.shared.id == id)?;
        Some(parked.remove(place))
    }

    /// Gives up the receiver that was parked first.
    pub(crate) fn unpark_oldest(&self) -> bool {
        let oldest = {
            let mut parked = lock(&self.parked);
            (!parked.is_empty()).then(|| parked.remove(0))
        };
        oldest.is_some()
    }

    pub(super) fn look_at_parked<T>(
        &self,
        id: UploadId,
        look: impl FnOnce(&Parked) -> Option<T>,
    ) -> Option<T> {
        lock(&self.parked).iter().find(|parked| parked.shared.id == id).and_then(look)
    }
}

impl Inner {
    /// Lets others who open the same upload share it.
    pub(super) fn keep_open(self: &Arc<Self>, shared: Shared) -> Upload {
        let shared = Arc::new(shared);
        let mut open = lock(&self.uploads.open);
        open.retain(|_, shared| shared.strong_count() > 0);
        open.insert(shared.id, Arc::downgrade(&shared));
        drop(open);
        Upload { inner: Arc::clone(self), shared }
    }
}

/// How many receivers wait in the middle of a segment. Each holds two descriptors and what is known of its upload.
const PARKED_COUNT_MAX: usize = 256;
