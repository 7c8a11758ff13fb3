//! Taking a blob away.

use aqueduct_blob::Digest;

use crate::fault::{Blame, ChangeError};
use crate::index::Note;
use crate::layout;
use crate::space::footprint;
use crate::store::Store;

impl Store {
    /// Removes a blob; false where there was none. Whoever has it open keeps it until they close it. Under
    /// [`SyncPolicy::Full`](crate::SyncPolicy) it does not come back after a power cut.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn remove(&self, digest: &Digest) -> Result<bool, ChangeError> {
        let inner = &self.inner;
        let path = layout::blob(digest);
        let removed = {
            let _alone = inner.alone_on_record()?;
            let stat = inner.disk.stat_path(&path).blame("stat", &path)?;
            let removed = inner.disk.unlink(&path).blame("unlink", &path);
            if let (Ok(true), Some(stat)) = (&removed, stat) {
                let allocated = footprint(digest.algorithm(), &stat);
                inner.doubts.named(digest, None);
                inner.index.note(Note::Gone { digest: *digest, allocated });
            }
            removed
        };
        // Even where it failed: the name may be gone.
        inner.watchers.tell(digest);
        let removed = removed?;
        if !inner.is_loose() {
            // Where there was none, too: somebody else may have taken the name away, and not have synced that.
            inner.sync_directory(layout::parent(&path))?;
        }
        inner.drop_entries_for_good(digest)?;
        if removed {
            // Derived: one that stays is held against the next blob of this name, and found right or wanting.
            drop(inner.disk.unlink(&layout::checkpoints(digest)));
        }
        inner.index.write_if_many();
        Ok(removed)
    }
}
