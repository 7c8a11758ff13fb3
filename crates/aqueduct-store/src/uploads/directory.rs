//! The uploads as they lie in their directory: what there is, and what is taken away.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use aqueduct_blob::UploadId;

use super::journal::Entry;
use super::shared::Stage;
use super::{UploadError, UploadListed};
use crate::disk::Boot;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout::{self, UploadFile};
use crate::poison::lock;
use crate::store::Inner;

impl Inner {
    pub(super) fn look_at_upload(&self, id: UploadId) -> Result<Option<UploadListed>, StorageFault> {
        let Some(used) = self.upload_used(id)? else { return Ok(None) };
        let listed = |plan, verified_len, stored| UploadListed { id, plan, verified_len, used, stored };
        if let Some(shared) = self.uploads.open(id)
            && matches!(shared.stage(), Stage::Open | Stage::Named)
        {
            return Ok(Some(listed(shared.plan, shared.held_len(), None)));
        }
        let Some(told) = self.read_upload(id)? else { return Ok(None) };
        let (plan, Some(digest)) = (told.head.plan, told.named) else {
            return Ok(Some(listed(told.head.plan, told.assembly.held_len(), None)));
        };
        let path = layout::blob(&digest);
        let is_stored = self.disk.stat_path(&path).blame("stat", &path)?.is_some();
        Ok(Some(listed(plan, plan.size, is_stored.then_some(digest))))
    }

    /// When something of an upload came last; `None` where there is nothing.
    pub(super) fn upload_used(&self, id: UploadId) -> Result<Option<i64>, StorageFault> {
        let mut used = None;
        for path in [layout::upload(id), layout::journal(id)] {
            let stat = self.disk.stat_path(&path).blame("stat", &path)?;
            used = used.max(stat.filter(|stat| stat.regular).map(|stat| stat.changed));
        }
        Ok(used)
    }

    pub(super) fn drop_upload(&self, id: UploadId) -> Result<bool, ChangeError> {
        self.begin_changes()?;
        let was_there = match self.uploads.open(id).filter(|shared| shared.stage() != Stage::Gone) {
            Some(shared) => shared.take_away(&mut lock(&shared.progress), self)?,
            None => self.remove_upload_files(id)?,
        };
        self.uploads.unpark(id);
        if !self.is_loose() {
            self.sync_directory(Path::new(layout::UPLOADS))?;
        }
        Ok(was_there)
    }

    /// The journal first: without it the bytes are rubbish.
    pub(super) fn remove_upload_files(&self, id: UploadId) -> Result<bool, StorageFault> {
        let had_journal = self.unlink_of_upload(&layout::journal(id))?;
        Ok(self.unlink_upload(id)? || had_journal)
    }

    /// Takes away the bytes of an upload; whoever does has the turn, or the upload's own lock.
    pub(super) fn unlink_upload(&self, id: UploadId) -> Result<bool, StorageFault> {
        let was_there = self.unlink_of_upload(&layout::upload(id))?;
        self.space.forget_upload(id);
        Ok(was_there)
    }

    fn unlink_of_upload(&self, path: &Path) -> Result<bool, StorageFault> {
        let was_there = self.disk.unlink(path).blame("unlink", path)?;
        if was_there {
            self.uploads.is_gone_for_good.store(false, Ordering::Release);
        }
        Ok(was_there)
    }

    /// Sees that one more upload does not make too many. Journals of those that are finished are kept only as long as they
    /// are few: without one, a sender that did not hear the answer asks for the blob, or sends it again.
    pub(super) fn make_room(&self) -> Result<(), UploadError> {
        let (ids, limit) = (self.upload_ids()?, self.options.upload_count_max);
        if ids.bytes.len() >= limit {
            return Err(UploadError::TooMany { limit });
        }
        let finished = ids.journals.difference(&ids.bytes);
        let excess = finished.clone().count().saturating_sub(FINISHED_COUNT_MAX);
        // More than have to go, so that not everybody who begins one waits for the directory to be synced.
        let going = if excess > 0 { excess + FINISHED_COUNT_SPARE } else { 0 };
        for id in finished.take(going) {
            let path = layout::upload(*id);
            // It may have begun while the directory was read: its bytes have their name first.
            if self.disk.stat_path(&path).blame("stat", &path)?.is_none() {
                self.unlink_of_upload(&layout::journal(*id))?;
            }
        }
        Ok(())
    }

    /// A sync of everything failed: pages of uploads may be taken for clean that were not written, and no later sync says
    /// so. What no mark covers does not count any more, as if the machine had been started anew. Where that cannot be
    /// recorded, the kernel may still tell whoever syncs the file next.
    pub(crate) fn doubt_uploads(&self) {
        for id in self.upload_ids().into_iter().flat_map(|ids| ids.journals) {
            let doubted = match self.uploads.open(id) {
                Some(shared) => shared.end_session(&*self.disk),
                None => self.end_session(id),
            };
            drop(doubted);
        }
    }

    fn end_session(&self, id: UploadId) -> io::Result<()> {
        let told = self.read_upload(id).map_err(io::Error::other)?;
        let file = self.disk.open_writable(&layout::journal(id))?;
        match (told, file) {
            (Some(mut told), Some(file)) => told.journal.append(&*self.disk, &file, &[END_OF_SESSION]),
            _ => Ok(()),
        }
    }

    pub(crate) fn upload_ids(&self) -> Result<UploadIds, StorageFault> {
        let path = Path::new(layout::UPLOADS);
        let names = self.disk.list(path).blame("list", path)?.unwrap_or_default();
        let mut ids = UploadIds::default();
        for file in names.iter().filter_map(|name| layout::upload_at(name)) {
            match file {
                UploadFile::Bytes(id) => ids.bytes.insert(id),
                UploadFile::Journal(id) => ids.journals.insert(id),
            };
        }
        Ok(ids)
    }
}

/// The ids for which there are files.
#[derive(Debug, Default)]
pub(crate) struct UploadIds {
    pub(crate) bytes: BTreeSet<UploadId>,
    pub(crate) journals: BTreeSet<UploadId>,
}

impl UploadIds {
    pub(super) fn all(self) -> BTreeSet<UploadId> {
        self.bytes.union(&self.journals).copied().collect()
    }
}

/// No boot is this one: what came before it does not outlive it.
pub(super) const END_OF_SESSION: Entry = Entry::Session(Boot([0; 32]));

/// Finished uploads that are remembered, for senders that did not hear of it: whoever begins one reads as many names.
const FINISHED_COUNT_MAX: usize = 1024;
const FINISHED_COUNT_SPARE: usize = 64;
