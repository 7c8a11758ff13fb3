//! The blobs and their checkpoint lists.

use std::collections::BTreeSet;

use aqueduct_blob::{Algorithm, Digest, SEGMENT_LEN};

use super::{Check, Fate, FsckError, FsckMode, Trouble, names};
use crate::disk::Stat;
use crate::fault::{Blame, StorageFault};
use crate::layout;
use crate::store::Store;

impl Check<'_> {
    /// Looks at every blob, and at every checkpoint list. Gives how many blobs there are, and of how many bytes, before
    /// anything was done about any.
    pub(super) fn tree(&mut self, store: &Store) -> Result<(u64, u64), FsckError> {
        let (mut count, mut size) = (0, 0_u64);
        for (algorithm, first) in layout::shards() {
            let mut there = BTreeSet::new();
            for digest in self.shard(layout::BLOBS, algorithm, first)? {
                let path = layout::blob(&digest);
                match self.disk.stat_path(&path).blame("stat", &path) {
                    Ok(Some(stat)) if stat.regular => {
                        (count, size) = (count + 1, size.saturating_add(stat.size));
                        there.insert(digest);
                        self.blob(store, &digest, &stat)?;
                    }
                    Ok(Some(_)) => self.tell(path, Trouble::NotAFile, Fate::Unmended),
                    Ok(None) => {}
                    Err(fault) => self.tell(path, Trouble::Unreadable(fault), Fate::Unmended),
                }
            }
            for digest in self.shard(layout::CHECKPOINTS, algorithm, first)? {
                if !there.contains(&digest) {
                    let (disk, path) = (self.disk, layout::checkpoints(&digest));
                    self.mend(path.clone(), Trouble::CheckpointsOfNone, || {
                        disk.unlink(&path).blame("unlink", &path)?;
                        Ok(())
                    })?;
                }
            }
        }
        Ok((count, size))
    }

    /// The digests in a shard. Names that are none are told of.
    fn shard(&mut self, top: &str, algorithm: Algorithm, first: u8) -> Result<Vec<Digest>, StorageFault> {
        let path = layout::shard(top, algorithm, first);
        let mut digests = Vec::new();
        for name in names(&**self.disk, &path)? {
            match layout::digest_at(algorithm, first, &name) {
                Some(digest) => digests.push(digest),
                None => self.tell(path.join(name), Trouble::Foreign, Fate::Left),
            }
        }
        Ok(digests)
    }

    /// A blob of which something is amiss is hashed, since nobody knows what else is.
    fn blob(&mut self, store: &Store, digest: &Digest, stat: &Stat) -> Result<(), FsckError> {
        let path = layout::blob(digest);
        if stat.links > 1 {
            self.tell(path.clone(), Trouble::Linked { links: stat.links }, Fate::Left);
        }
        let inner = &store.inner;
        // One that cannot be read is as good as none.
        let kept = inner.read_checkpoints(digest, stat.size).unwrap_or_default();
        let mut lacks_list = stat.size > SEGMENT_LEN && kept.is_none();
        if !stat.writable && !lacks_list {
            return Ok(());
        }
        if self.mode == FsckMode::Mend {
            match store.verify(digest, inner.options.threads, self.read) {
                Ok(Some(checked)) if !checked.damage.is_empty() => {
                    self.has_changed = true;
                    let trouble = Trouble::BlobDamaged { size: checked.size, ranges: checked.damage };
                    self.tell(path, trouble, Fate::Mended);
                    return Ok(());
                }
                Ok(Some(checked)) if lacks_list && !checked.checkpoints_rebuilt => {
                    self.tell(layout::checkpoints(digest), Trouble::Checkpoints, Fate::Unmended);
                    lacks_list = false;
                }
                Ok(_) => {}
                Err(crate::ChangeError::Fault(fault)) => {
                    self.tell(path, Trouble::Unreadable(fault), Fate::Unmended);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if lacks_list {
            // To verify the blob wrote it.
            self.mend(layout::checkpoints(digest), Trouble::Checkpoints, || Ok(()))?;
        }
        if stat.writable {
            let disk = self.disk;
            self.mend(path.clone(), Trouble::Writable, || {
                if let Some(file) = disk.open(&path).blame("open", &path)? {
                    disk.seal(&file).blame("seal", &path)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}
