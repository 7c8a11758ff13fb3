//! Beginning an upload, and going on with one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aqueduct_blob::{Assembly, Digest, UploadId};

use super::journal::{self, Head, Journal, Told};
use super::shared::{Shared, Stage};
use super::{Resumed, Upload, UploadError, UploadPlan};
use crate::disk::Linked;
use crate::fault::{Blame, StorageFault};
use crate::layout;
use crate::poison::lock;
use crate::publish::{Outcome, Published};
use crate::store::{Inner, Store};

impl Inner {
    /// Opens what there is; whoever calls has the turn.
    pub(super) fn resume(
        self: &Arc<Self>,
        id: UploadId,
        plan: Option<&UploadPlan>,
    ) -> Result<Option<Resumed>, UploadError> {
        let fits = |found: &UploadPlan| plan.is_none_or(|plan| plan == found);
        if let Some(shared) = self.uploads.open(id) {
            match shared.stage() {
                Stage::Open | Stage::Named if fits(&shared.plan) => {
                    return Ok(Some(Resumed::Open(Upload { inner: Arc::clone(self), shared })));
                }
                Stage::Open | Stage::Named => return Err(UploadError::Conflict),
                Stage::Stored(_) | Stage::Gone => {}
            }
        }
        let Some(told) = self.read_upload(id)? else { return Ok(None) };
        let plan = told.head.plan;
        if !fits(&plan) {
            return Err(UploadError::Conflict);
        }
        let resumed = match told.named {
            Some(digest) if self.is_stored(id, &digest)? => {
                let published = Published { digest, size: plan.size, outcome: Outcome::AlreadyPresent };
                Some(Resumed::Stored(published))
            }
            Some(_) => self.reopen_named(id, told)?.map(Resumed::Open),
            None => self.reopen(id, told)?.map(Resumed::Open),
        };
        match resumed {
            Some(resumed) => Ok(Some(resumed)),
            // Its blob was removed since, or its bytes are not there: it begins anew, in a file that nobody ever saw.
            None => Ok(Some(Resumed::Open(self.begin_upload(id, &plan)?))),
        }
    }

    /// Begins an upload in the place of whatever has its id.
    pub(super) fn begin_upload(
        self: &Arc<Self>,
        id: UploadId,
        plan: &UploadPlan,
    ) -> Result<Upload, UploadError> {
        self.begin_changes()?;
        self.remove_upload_files(id)?;
        self.make_room()?;
        // A power cut that brings back the one old file beside the other new one must not make an upload of them.
        if !self.uploads.is_gone_for_good.swap(true, Ordering::AcqRel) {
            let synced = self.sync_directory(Path::new(layout::UPLOADS));
            synced.inspect_err(|_| self.uploads.is_gone_for_good.store(false, Ordering::Release))?;
        }
        let reservation = self.reserve(plan.size)?;
        let disk = &*self.disk;
        let path = layout::upload(id);
        let file = disk.stage_writable().blame("stage", &path)?;
        if plan.size > 0 {
            disk.reserve(&file, plan.size).blame("reserve", &path)?;
        }
        disk.set_len(&file, plan.size).blame("lengthen", &path)?;
        let journal_path = layout::journal(id);
        let journal_file = disk.stage_writable().blame("stage", &journal_path)?;
        let boot = disk.boot().blame("identify the boot of", layout::ROOT)?;
        let head = Head { id, plan: *plan };
        let journal = Journal::begin(disk, &journal_file, &head, boot).blame("write", &journal_path)?;
        self.link_new(&file, &path)?;
        let allocated = disk.stat(&file).blame("stat", &path)?.allocated;
        // A filesystem that cannot reserve takes it as it comes.
        self.space.keep_upload(id, allocated.max(plan.size));
        drop(reservation);
        self.link_new(&journal_file, &journal_path)?;
        let assembly = Assembly::new(plan.algorithm, plan.size);
        let shared = Shared::new(id, *plan, (file, journal_file), (assembly, journal), Stage::Open);
        Ok(self.keep_open(shared))
    }

    /// Opens an upload that was begun; `None` where its bytes are not what its journal speaks of.
    fn reopen(self: &Arc<Self>, id: UploadId, told: Told) -> Result<Option<Upload>, UploadError> {
        let path = layout::upload(id);
        let opened = match self.disk.open_writable(&path) {
            // Sealed: it was about to be a blob, or is one.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            opened => opened.blame("open", &path)?,
        };
        let Some(file) = opened else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        // A file with another name may be a blob, which nobody may write.
        if !stat.regular || stat.size < told.head.plan.size || stat.links != 1 {
            return Ok(None);
        }
        self.reopen_journal(id, told, file, Stage::Open)
    }

    fn reopen_journal(
        self: &Arc<Self>,
        id: UploadId,
        told: Told,
        file: File,
        stage: Stage,
    ) -> Result<Option<Upload>, UploadError> {
        let Told { head, assembly, mut journal, is_current, unsynced_len, .. } = told;
        let path = layout::journal(id);
        let Some(journal_file) = self.disk.open_writable(&path).blame("open", &path)? else {
            return Ok(None);
        };
        if !is_current {
            journal.begin_session(self.disk.boot().blame("identify the boot of", layout::ROOT)?);
        }
        let shared = Shared::new(id, head.plan, (file, journal_file), (assembly, journal), stage);
        // A mark is due after so many bytes, however often the upload was opened anew meanwhile.
        lock(&shared.progress).unsynced_len = unsynced_len;
        Ok(Some(self.keep_open(shared)))
    }

    /// Whether the blob that an upload was about to be is there, as durable as the policy asks.
    fn is_stored(self: &Arc<Self>, id: UploadId, digest: &Digest) -> Result<bool, UploadError> {
        let store = Store { inner: Arc::clone(self) };
        let is_stored = store.has(digest)?;
        if is_stored {
            // Who named it may not have lived to take this name away.
            drop(self.unlink_upload(id));
        }
        Ok(is_stored)
    }

    /// Opens an upload that was about to be a blob, and may have been one. All of it is held, and no byte of it is ever
    /// written again: somebody may be reading it. `None` where its bytes are not there.
    fn reopen_named(self: &Arc<Self>, id: UploadId, told: Told) -> Result<Option<Upload>, UploadError> {
        let path = layout::upload(id);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        if told.assembly.missing().next().is_some() || !stat.regular || stat.size != told.head.plan.size {
            return Ok(None);
        }
        self.reopen_journal(id, told, file, Stage::Named)
    }

    /// What an upload's journal says; `None` where there is none that makes sense. Changes nothing.
    pub(super) fn read_upload(&self, id: UploadId) -> Result<Option<Told>, StorageFault> {
        let path = layout::journal(id);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        let len = usize::try_from(stat.size).ok().filter(|len| *len <= JOURNAL_LEN_MAX);
        let Some(len) = len.filter(|_| stat.regular) else { return Ok(None) };
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).blame("read", &path)?;
        let boot = self.disk.boot().blame("identify the boot of", layout::ROOT)?;
        Ok(journal::read(&bytes, boot).filter(|told| told.head.id == id))
    }

    fn link_new(&self, file: &File, path: &Path) -> Result<(), StorageFault> {
        match self.disk.link(file, path).blame("link", path)? {
            Linked::New => Ok(()),
            // It was free a moment ago, and the turn is ours.
            Linked::Exists => {
                Err(StorageFault::new("link", path, io::Error::from(io::ErrorKind::AlreadyExists)))
            }
        }
    }
}

/// A longer file is no journal: this one would speak of 40 TiB, or of as much that was sent again and again.
const JOURNAL_LEN_MAX: usize = 1 << 30;
