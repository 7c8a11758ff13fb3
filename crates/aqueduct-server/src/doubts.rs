//! Blobs that a power cut made suspect, and who waits for them to be hashed. That takes as long as a blob is large, so it
//! is done once for all who ask, and by nobody who has other things to do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_blob::Digest;
use aqueduct_store::Store;
use tokio::sync::OnceCell;

use crate::close::Close;
use crate::workers::Workers;

/// The suspects that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    waited_for: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
}

impl Doubts {
    /// Sees to it that a blob is no suspect any more: `readers` find out whether it is one, and `checkers` hash it. With a
    /// `size` only a suspect that is as large matters.
    pub(crate) async fn clear(
        &self,
        store: &Store,
        digest: Digest,
        size: Option<u64>,
        readers: &Workers,
        checkers: &Workers,
    ) -> Result<(), Close> {
        if !store.has_suspects() {
            return Ok(());
        }
        let suspected = store.clone();
        let found = readers.run(move || suspected.suspect_size(&digest)).await?;
        // Whoever asks next meets the same fault.
        let Ok(Some(found)) = found else { return Ok(()) };
        if size.is_some_and(|size| size != found) {
            return Ok(());
        }
        let cleared = Arc::clone(self.waited_for().entry(digest).or_default());
        let check = || {
            let store = store.clone();
            // What came of it is found by whoever asks next.
            checkers.run(move || drop(store.blob(&digest)))
        };
        let checked = cleared.get_or_try_init(check).await.map(|&()| ());
        self.waited_for().remove(&digest);
        checked
    }

    fn waited_for(&self) -> MutexGuard<'_, HashMap<Digest, Arc<OnceCell<()>>>> {
        self.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
