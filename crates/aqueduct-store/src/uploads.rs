//! Uploads: blobs that come in pieces, and that can be gone on with.
//!
//! An upload is two files with names: its bytes and its journal. It is whatever its journal says: bytes without a journal,
//! or a journal whose bytes are not there, are rubbish, which is taken away when somebody asks for the upload or it
//! expires. So nothing has to be done about uploads when a store is opened.

mod directory;
mod error;
mod finish;
mod journal;
mod receiving;
mod registry;
mod resume;
mod rubbish;
mod shared;
mod upload;

use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::Usage;
use crate::layout;
use crate::publish::Published;
use crate::store::Store;

pub use error::{ClaimError, FinishError, ReceiveError, UploadError};
pub use receiving::{Landed, Receiving, TakenOver};
pub use registry::Price;
pub(crate) use registry::Uploads;
pub use rubbish::UploadLacks;
pub use shared::Counts;
pub use upload::Upload;

/// What an upload is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPlan {
    /// How the blob will be named.
    pub algorithm: Algorithm,
    /// Its name, if the sender knows it.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size: u64,
}

/// What there is under an upload's id.
#[derive(Clone, Debug)]
pub enum Resumed {
    /// It was finished before, and its blob is still there.
    Stored(Published),
    /// It can be gone on with.
    Open(Upload),
}

/// An upload, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadListed {
    /// Its name among uploads.
    pub id: UploadId,
    /// What it is to become.
    pub plan: UploadPlan,
    /// Bytes that are held.
    pub verified_len: u64,
    /// When something of it came last, in seconds since 1970.
    pub used: i64,
    /// The name of its blob, if it was finished and the blob is still there.
    pub stored: Option<Digest>,
}

/// A directory of so many names is still read in milliseconds.
pub(crate) const UPLOAD_COUNT_MAX: usize = 10_000;

impl Store {
    /// Opens the upload `id`, or begins it where there is none, and reserves its space. `plan` is what it was begun with.
    ///
    /// # Errors
    /// Where it was begun with another plan; where there are too many; where the store is read-only, or the disk is full
    /// or failing.
    pub fn upload(&self, id: UploadId, plan: &UploadPlan) -> Result<Resumed, UploadError> {
        let inner = &self.inner;
        let _turn = inner.uploads.turns.take(id);
        match inner.resume(id, Some(plan))? {
            Some(resumed) => Ok(resumed),
            None => Ok(Resumed::Open(inner.begin_upload(id, plan)?)),
        }
    }

    /// Opens the upload `id`; `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::upload`].
    pub fn find_upload(&self, id: UploadId) -> Result<Option<Resumed>, UploadError> {
        let _turn = self.inner.uploads.turns.take(id);
        self.inner.resume(id, None)
    }

    /// Up to `limit` uploads in the order of their ids, from the one after `after` on.
    ///
    /// # Errors
    /// Where the directory or a journal cannot be read.
    pub fn uploads(&self, after: Option<UploadId>, limit: usize) -> Result<Vec<UploadListed>, StorageFault> {
        let inner = &self.inner;
        let mut listed = Vec::new();
        for id in inner.upload_ids()?.journals.into_iter().filter(|id| Some(*id) > after) {
            if listed.len() == limit {
                break;
            }
            listed.extend(inner.look_at_upload(id)?);
        }
        Ok(listed)
    }

    /// Up to `limit` of the uploads that are not finished, in the order of their ids.
    ///
    /// # Errors
    /// As [`Store::uploads`].
    pub fn open_uploads(&self, limit: usize) -> Result<Vec<UploadListed>, StorageFault> {
        let inner = &self.inner;
        let mut listed = Vec::new();
        for id in inner.upload_ids()?.bytes.into_iter().take(limit) {
            listed.extend(inner.look_at_upload(id)?);
        }
        Ok(listed)
    }

    /// How many uploads there are that are not finished, and how many bytes their blobs will have, for which space is
    /// reserved.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn upload_usage(&self) -> Result<Usage, StorageFault> {
        let inner = &self.inner;
        let mut usage = Usage::default();
        for id in inner.upload_ids()?.bytes {
            let path = layout::upload(id);
            if let Some(stat) = inner.disk.stat_path(&path).blame("stat", &path)? {
                usage.count += 1;
                usage.size += stat.size;
                usage.allocated += stat.allocated;
            }
        }
        Ok(usage)
    }

    /// Takes an upload away, with what was received; false where there was none. Who has it open can do nothing more with
    /// it. A blob that it became stays.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn drop_upload(&self, id: UploadId) -> Result<bool, ChangeError> {
        let _turn = self.inner.uploads.turns.take(id);
        self.inner.drop_upload(id)
    }

    /// Gives up the receiver that has been [parked](Upload::park) longest, which costs its sender what it sent of one segment;
    /// false where none is.
    pub fn unpark_oldest(&self) -> bool {
        self.inner.uploads.unpark_oldest()
    }

    /// Takes away the uploads, finished or not, of which nothing came for `idle` and that nobody has open, and tells how
    /// many there were.
    ///
    /// # Errors
    /// As [`Store::drop_upload`], at the first that cannot be taken away.
    pub fn expire_uploads(&self, idle: Duration) -> Result<usize, ChangeError> {
        let inner = &self.inner;
        let idle = i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        let mut count = 0;
        for id in inner.upload_ids()?.all() {
            let _turn = inner.uploads.turns.take(id);
            let used = inner.upload_used(id)?;
            let is_idle = used.is_some_and(|used| inner.disk.now().saturating_sub(used) >= idle);
            if is_idle && !inner.uploads.is_in_use(id) && inner.drop_upload(id)? {
                count += 1;
            }
        }
        Ok(count)
    }
}
