//! Uploads that are none any more.

use aqueduct_blob::UploadId;

use crate::fault::{Blame, StorageFault};
use crate::layout;
use crate::store::Inner;

/// What an upload lacks to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadLacks {
    /// It has bytes, and no journal.
    Journal,
    /// It has a journal that does not read as one.
    ValidJournal,
    /// It has a journal, and not the bytes that this speaks of.
    Bytes,
}

impl Inner {
    /// The uploads that nobody can go on with, and what they lack. Changes nothing.
    pub(crate) fn rubbish_uploads(&self) -> Result<Vec<(UploadId, UploadLacks)>, StorageFault> {
        let ids = self.upload_ids()?;
        let mut rubbish = Vec::new();
        for id in &ids.bytes {
            if !ids.journals.contains(id) {
                rubbish.push((*id, UploadLacks::Journal));
            }
        }
        for id in &ids.journals {
            let Some(told) = self.read_upload(*id)? else {
                rubbish.push((*id, UploadLacks::ValidJournal));
                continue;
            };
            let path = layout::upload(*id);
            let stat = self.disk.stat_path(&path).blame("stat", &path)?;
            // One that was finished has left its bytes to the blob.
            let is_there = stat.is_some_and(|stat| stat.regular && stat.size >= told.head.plan.size);
            if told.named.is_none() && !is_there {
                rubbish.push((*id, UploadLacks::Bytes));
            }
        }
        Ok(rubbish)
    }
}
