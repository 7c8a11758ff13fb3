//! Which blobs there are: read from the tree, which is the truth, in the order of their digests.

use std::collections::HashMap;

use aqueduct_blob::{Algorithm, Digest};

use crate::database;
use crate::disk::{Disk, Stat};
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::{Present, Usage};
use crate::layout;
use crate::poison::{alone, lock};
use crate::space::footprint;
use crate::store::{Inner, Store};

/// A blob in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was published, in seconds since 1970, by the clock of then.
    pub published: i64,
}

impl Store {
    /// The next blobs after `after`, or the first ones, at most `limit`, in the order of their digests. Fewer than
    /// `limit` means that there are no more. Takes one shard's names into memory at a time.
    ///
    /// Blobs published or removed meanwhile may or may not be in it, a suspect that cannot be read is not; every other is in it
    /// once.
    ///
    /// # Errors
    /// Where a directory cannot be read, or a suspect not be hashed for another reason than the medium's.
    pub fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Vec<Listed>, ChangeError> {
        let inner = &self.inner;
        let mut listed = Vec::new();
        let start = after.map(|after| (after.algorithm(), after.as_bytes()[0]));
        for (algorithm, first) in layout::shards().filter(|shard| Some(*shard) >= start) {
            for digest in shard(&*inner.disk, algorithm, first)? {
                if after.is_some_and(|after| digest <= *after) {
                    continue;
                }
                if listed.len() == limit {
                    return Ok(listed);
                }
                listed.extend(inner.listed(&digest)?);
            }
        }
        Ok(listed)
    }

    /// How many blobs there are, and of how many bytes. Answered from the index; where that is stale, the tree is walked
    /// first.
    ///
    /// # Errors
    /// Where the tree or the index cannot be read, or the index not be written.
    pub fn usage(&self) -> Result<Usage, ChangeError> {
        match self.inner.usage() {
            // It was thrown away for that, and the next one is made from the tree.
            Err(ChangeError::Fault(fault)) if database::is_damage(&fault) => self.inner.usage(),
            usage => usage,
        }
    }
}

impl Store {
    /// What [`usage`](Self::usage) says, where that takes no walk of the tree; `None` where it would, because a kill cost
    /// the index its last changes.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn known_usage(&self) -> Result<Option<Usage>, StorageFault> {
        let index = &self.inner.index;
        let usage = index.usage()?;
        Ok((!index.is_stale()).then_some(usage))
    }
}

impl Inner {
    /// A blob, as it is listed.
    fn listed(&self, digest: &Digest) -> Result<Option<Listed>, ChangeError> {
        let path = layout::blob(digest);
        loop {
            let lifted_count = self.doubts.lifted_count();
            let Some(stat) = self.disk.stat_path(&path).blame("stat", &path)? else { return Ok(None) };
            if !stat.regular || !self.is_believed(digest, &stat)? {
                return Ok(None);
            }
            if self.doubts.lifted_count() == lifted_count {
                return Ok(Some(Listed { digest: *digest, size: stat.size, published: stat.changed }));
            }
        }
    }

    /// Whether a blob is no suspect, or was hashed and is right. One that the medium does not give is not in the way of others.
    fn is_believed(&self, digest: &Digest, stat: &Stat) -> Result<bool, ChangeError> {
        if !self.is_suspect(digest, stat) {
            return Ok(true);
        }
        match self.open_blob(digest) {
            Ok(blob) => Ok(blob.is_some()),
            Err(ChangeError::Fault(fault)) if fault.is_of_medium() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn usage(&self) -> Result<Usage, ChangeError> {
        // Whether it is stale is known once it was read.
        let usage = self.index.usage()?;
        if self.recount(&|| true)? { Ok(self.index.usage()?) } else { Ok(usage) }
    }

    /// Makes the index match the tree if it may not, as long as `goes_on` says so; false where there is nothing to do, or it
    /// was not done.
    pub(crate) fn recount(&self, goes_on: &dyn Fn() -> bool) -> Result<bool, ChangeError> {
        let _recounting = lock(&self.recounting);
        if !self.index.is_stale() {
            return Ok(false);
        }
        self.begin_changes()?;
        Ok(self.index.match_tree(|algorithm, first, told| {
            // The first look brings into memory what the second, for which no name changes, then finds there.
            present(&*self.disk, algorithm, first)?;
            let _alone = alone(&self.names);
            told(present(&*self.disk, algorithm, first)?);
            Ok(goes_on())
        })?)
    }
}

/// What lies in a shard.
fn present(
    disk: &dyn Disk,
    algorithm: Algorithm,
    first: u8,
) -> Result<HashMap<Digest, Present>, StorageFault> {
    let mut present = HashMap::new();
    for digest in shard(disk, algorithm, first)? {
        let path = layout::blob(&digest);
        let Some(stat) = disk.stat_path(&path).blame("stat", &path)?.filter(|stat| stat.regular) else {
            continue;
        };
        let allocated = footprint(algorithm, &stat);
        present.insert(digest, Present { size: stat.size, allocated, named: stat.changed });
    }
    Ok(present)
}

/// Whether a store has no blob at all, suspects included.
pub(crate) fn is_empty(disk: &dyn Disk) -> Result<bool, StorageFault> {
    for (algorithm, first) in layout::shards() {
        if !shard(disk, algorithm, first)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The names in one shard, in order.
pub(crate) fn shard(disk: &dyn Disk, algorithm: Algorithm, first: u8) -> Result<Vec<Digest>, StorageFault> {
    let path = layout::shard(layout::BLOBS, algorithm, first);
    let names = disk.list(&path).blame("list", &path)?.unwrap_or_default();
    let mut digests: Vec<_> =
        names.iter().filter_map(|name| layout::digest_at(algorithm, first, name)).collect();
    digests.sort_unstable();
    Ok(digests)
}
