//! How an upload becomes durable, and then a blob.

use std::fs::File;
use std::sync::{Arc, MutexGuard, TryLockError};

use aqueduct_blob::{Digest, Unfinished};

use super::journal::Entry;
use super::shared::{Progress, Stage};
use super::{FinishError, Upload};
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::poison::lock;
use crate::publish::Published;
use crate::staging::Verified;

impl Upload {
    /// Names and publishes the blob, once all of it is held, and nobody has to hash it again. `expected` is what the sender
    /// says it is; what the plan says is held against it as well. Whoever comes while another finishes waits, and is told
    /// the same.
    ///
    /// # Errors
    /// What is to be sent before it can be finished; or that it is another blob, and then it is of no use any more; or
    /// where it could not be published.
    pub fn finish(&self, expected: Option<&Digest>) -> Result<Published, FinishError> {
        let _finishing = lock(&self.shared.finishing);
        let hashed = {
            let mut progress = self.progress();
            match progress.stage {
                Stage::Stored(published) => return Ok(published),
                Stage::Gone => return Err(FinishError::Gone),
                Stage::Open | Stage::Named => {}
            }
            let planned = self.shared.plan.digest;
            let hashed = match progress.assembly.finish(planned.as_ref().or(expected)) {
                Ok(hashed) => hashed,
                Err(unfinished) => return Err(self.unfinished(progress, unfinished, expected)),
            };
            if let Some(expected) = expected.filter(|expected| **expected != hashed.digest) {
                return Err(FinishError::Mismatch { expected: *expected, actual: hashed.digest });
            }
            // From here on no claim can drop a record, so nobody can write.
            progress.stage = Stage::Named;
            hashed
        };
        let file = self.close_bytes(&hashed.digest)?;
        let inner = &self.inner;
        // Whoever names it counts it among the blobs.
        let reservation = inner.space.reserve_upload(self.shared.id);
        let allocated = reservation.len();
        let verified = Verified { inner: Arc::clone(inner), file: file.into(), hashed, reservation };
        let named = inner.name(verified);
        if named.is_err() {
            inner.space.keep_upload(self.shared.id, allocated);
        }
        let published = named?;
        let mut progress = self.progress();
        if progress.stage != Stage::Gone {
            // The file has its name. The other one, if it stays, is taken away when somebody asks for the upload.
            drop(inner.unlink_upload(self.shared.id));
            progress.stage = Stage::Stored(published);
        }
        drop(progress);
        inner.uploads.unpark(self.shared.id);
        Ok(published)
    }

    fn unfinished(
        &self,
        mut progress: MutexGuard<'_, Progress>,
        unfinished: Unfinished,
        expected: Option<&Digest>,
    ) -> FinishError {
        match unfinished {
            Unfinished::Missing(segments) => FinishError::Missing(segments),
            Unfinished::Broken(segments) => match self.record_dropped(&mut progress, &segments) {
                Ok(()) => FinishError::Broken(segments),
                Err(error) => error.into(),
            },
            Unfinished::Mismatch { actual } => {
                let planned = self.shared.plan.digest;
                let expected = planned.as_ref().or(expected).expect("a mismatch is with what was expected");
                FinishError::Mismatch { expected: *expected, actual }
            }
        }
    }

    /// Makes the file what a blob's file is, and records that it is to be one.
    fn close_bytes(&self, digest: &Digest) -> Result<File, ChangeError> {
        let Self { inner, shared } = self;
        inner.begin_changes()?;
        let path = layout::upload(shared.id);
        // A receiver may have made it longer than the blob is.
        if inner.disk.stat(&shared.file).blame("stat", &path)?.size != shared.plan.size {
            inner.disk.set_len(&shared.file, shared.plan.size).blame("truncate", &path)?;
        }
        self.mark(Some(*digest))?;
        inner.disk.seal(&shared.file).blame("seal", &path)?;
        Ok(shared.file.try_clone().blame("open", &path)?)
    }

    /// Records that everything received so far survives a power cut, once it does; and with `named`, that it is all, and
    /// what it is. In a store that does not sync, only the latter.
    pub(super) fn mark(&self, named: Option<Digest>) -> Result<(), ChangeError> {
        let Self { inner, shared } = self;
        let disk = &*inner.disk;
        let named_entry = named.map(Entry::Named);
        if inner.is_loose() {
            let entries: Vec<_> = named_entry.into_iter().collect();
            let appended = self.progress().journal.append(disk, &shared.journal_file, &entries);
            return Ok(appended.map_err(|error| self.journal_fault("append to", error))?);
        }
        let _marking = match shared.marking.try_lock() {
            Ok(marking) => marking,
            // Somebody is at it; what it does not cover the next mark will.
            Err(TryLockError::WouldBlock) if named.is_none() => return Ok(()),
            Err(_) => lock(&shared.marking),
        };
        let (covered, received) = {
            let progress = self.progress();
            (progress.journal.count(), progress.unsynced_len)
        };
        disk.sync_data(&shared.file)
            .blame("sync", layout::upload(shared.id))
            .map_err(|fault| self.condemn(&mut self.progress(), fault))?;
        let is_name_loose = {
            let mut progress = self.progress();
            // Of what was recorded since, not all was synced. The name is as good as the bytes are.
            let covered = covered + u64::from(named.is_some());
            let entries: Vec<_> = named_entry.into_iter().chain([Entry::Synced(covered)]).collect();
            progress
                .journal
                .append(disk, &shared.journal_file, &entries)
                .map_err(|error| self.journal_fault("append to", error))?;
            progress.unsynced_len -= received;
            progress.is_name_loose
        };
        disk.sync_data(&shared.journal_file)
            .map_err(|error| self.condemn(&mut self.progress(), self.journal_fault("sync", error)))?;
        if is_name_loose {
            inner.sync_directory(layout::UPLOADS.as_ref())?;
            self.progress().is_name_loose = false;
        }
        Ok(())
    }

    /// Records that segments are not held any more, durably: what is written in their place may reach the medium at once,
    /// and a power cut must not leave the record beside it.
    pub(super) fn record_dropped(
        &self,
        progress: &mut Progress,
        segments: &[u64],
    ) -> Result<(), ChangeError> {
        if segments.is_empty() {
            return Ok(());
        }
        let Self { inner, shared } = self;
        let entries: Vec<_> = segments.iter().map(|index| Entry::Dropped(*index)).collect();
        let recorded = progress
            .journal
            .append(&*inner.disk, &shared.journal_file, &entries)
            .and_then(|()| inner.disk.sync_data(&shared.journal_file));
        recorded.map_err(|error| self.condemn(progress, self.journal_fault("write", error)))
    }

    /// Gives the upload up: nobody knows any more which of its records are true.
    fn condemn(&self, progress: &mut Progress, fault: StorageFault) -> ChangeError {
        let Self { inner, shared } = self;
        match shared.take_away(progress, inner) {
            Ok(_) => fault.into(),
            Err(unlinking) => inner.latch(unlinking).into(),
        }
    }
}
