//! Taking a blob away.

use aqueduct_blob::Digest;

use crate::fault::{Blame, ChangeError};
use crate::index::Note;
use crate::layout;
use crate::poison::share;
use crate::store::{Store, SyncPolicy};

impl Store {
    /// Removes a blob; false where there was none. Whoever has it open keeps it until they close it. Under
    /// [`SyncPolicy::Full`] it does not come back after a power cut.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn remove(&self, digest: &Digest) -> Result<bool, ChangeError> {
        let inner = &self.inner;
        inner.begin_changes()?;
        let path = layout::blob(digest);
        {
            let _naming = share(&inner.names);
            if !inner.disk.unlink(&path).blame("unlink", &path)? {
                return Ok(false);
            }
            inner.index.note(Note::Gone { digest: *digest });
        }
        let list = layout::checkpoints(digest);
        inner.disk.unlink(&list).blame("unlink", &list)?;
        if inner.options.sync == SyncPolicy::Full {
            inner.sync_directory(layout::parent(&path))?;
        }
        Ok(true)
    }
}
