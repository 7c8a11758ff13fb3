//! Whether the blobs are here that an entry names.

use std::collections::HashSet;
use std::sync::RwLockReadGuard;

use aqueduct_blob::Digest;

use super::{Entry, Key};
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::Note;
use crate::layout;
use crate::poison::share;
use crate::store::Inner;

/// What a look at some blobs found.
pub(super) enum Look<'a> {
    /// All are here, and stay as long as names stand still.
    Here {
        naming: RwLockReadGuard<'a, ()>,
        /// The size of the first of them.
        first_size: u64,
    },
    /// One is not.
    Missing(Digest),
    /// One has to be hashed before it is believed.
    Suspect(Found),
    /// The name of one is not durable yet.
    Unsynced(Found),
}

/// A blob, and the file that has its name.
type Found = (Digest, u64);

/// What was done about files, so that nobody does it twice.
#[derive(Default)]
pub(super) struct Settled {
    hashed: HashSet<Found>,
    synced: HashSet<Found>,
}

impl Inner {
    /// Whether all of these are here, as [`Store::has`](crate::Store::has) says it: believed, and as durable as the policy asks.
    /// The one that is not, if there is one. To be called with nothing locked.
    pub(super) fn look_for(
        &self,
        named: &[Digest],
        settled: &mut Settled,
    ) -> Result<Result<RwLockReadGuard<'_, ()>, Digest>, ChangeError> {
        if named.len() > HELD_COUNT_MAX {
            // The first look brings into memory what the second, for which no name is taken away, then finds there.
            for digest in named {
                let path = layout::blob(digest);
                self.disk.stat_path(&path).blame("stat", &path)?;
            }
        }
        loop {
            match self.look_at(named, settled)? {
                Look::Here { naming, .. } => return Ok(Ok(naming)),
                Look::Missing(digest) => return Ok(Err(digest)),
                Look::Suspect(found) => {
                    if self.open_blob(&found.0)?.is_none() {
                        return Ok(Err(found.0));
                    }
                    settled.hashed.insert(found);
                }
                // Its publisher has not synced the directory yet, and may not live to.
                Look::Unsynced(found) => {
                    self.sync_directory(layout::parent(&layout::blob(&found.0)))?;
                    settled.synced.insert(found);
                }
            }
        }
    }

    /// Looks once, while names stand still.
    pub(super) fn look_at(&self, named: &[Digest], settled: &Settled) -> Result<Look<'_>, StorageFault> {
        let naming = share(&self.names);
        let mut first_size = None;
        for digest in named {
            let path = layout::blob(digest);
            let stat = self.disk.stat_path(&path).blame("stat", &path)?;
            let Some(stat) = stat.filter(|stat| stat.regular) else { return Ok(Look::Missing(*digest)) };
            let found = (*digest, stat.inode);
            first_size.get_or_insert(stat.size);
            self.doubt_if_written(digest, &stat);
            if self.is_suspect(digest, &stat) && !settled.hashed.contains(&found) {
                return Ok(Look::Suspect(found));
            }
            if self.is_unsynced(digest) && !settled.synced.contains(&found) {
                return Ok(Look::Unsynced(found));
            }
        }
        Ok(Look::Here { naming, first_size: first_size.unwrap_or(0) })
    }

    /// Promises blobs to whoever is about to be told of an entry that names them. Names stand still.
    pub(super) fn promise_named(&self, named: &[Digest]) {
        if self.is_limited() {
            let at = self.disk.now();
            for digest in named {
                self.index.note(Note::Told { digest: *digest, at });
            }
        }
    }

    pub(super) fn entry(&self, key: &Key) -> Result<Option<Entry>, StorageFault> {
        self.read_entries()?;
        let Some(entry) = self.find_entry(key)? else { return Ok(None) };
        // Who hears of it is told that it lasts.
        if self.commit_entry(key).is_err() {
            return Ok(None);
        }
        let named: Vec<_> = entry.named().collect();
        match self.look_for(&named, &mut Settled::default()).map_err(fault)? {
            Ok(naming) => {
                self.promise_named(&named);
                drop(naming);
                self.index.write_if_many();
                Ok(Some(entry.as_ref().clone()))
            }
            Err(digest) => {
                // Its row goes another time, where it cannot go now.
                drop(self.drop_entries_of(&[digest]));
                Ok(None)
            }
        }
    }

    /// Looks for every blob that an entry names, and drops the entries of those that are gone: a kill may have cost what was not
    /// written of it.
    pub(crate) fn look_for_all_named(&self) -> Result<(), StorageFault> {
        let named = self.meta.read_with(super::rows::referred)?;
        let mut gone = Vec::new();
        for digest in named {
            let path = layout::blob(&digest);
            if self.disk.stat_path(&path).blame("stat", &path)?.is_none() {
                gone.push(digest);
            }
        }
        for some in gone.chunks(HELD_COUNT_MAX) {
            drop(self.drop_entries_of(some));
        }
        Ok(())
    }
}

/// Where a blob cannot be looked at, or not be put away, that is why.
fn fault(error: ChangeError) -> StorageFault {
    match error {
        ChangeError::ReadOnly(read_only) => read_only.0,
        ChangeError::Fault(fault) => fault,
    }
}

/// Blobs that are looked at while no name is taken away, without a look before: in less than a millisecond.
const HELD_COUNT_MAX: usize = 256;
