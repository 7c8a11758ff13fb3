//! Whether the rows of entries are what they should be: for a check of the store.

use std::collections::HashMap;

use redb::Durability;

use super::rows;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::store::Inner;

/// What the rows of entries are like.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Rows that are no entry.
    pub(crate) foreign_count: u64,
    /// Rows that are missing of those by which the entries of a blob are found.
    pub(crate) missing_count: u64,
    /// And those that are there of which no entry knows.
    pub(crate) stray_count: u64,
    /// Entries that name a blob that is not here.
    pub(crate) broken_count: u64,
}

impl Inner {
    /// Reads all rows, and looks for the blobs they name.
    pub(crate) fn survey_entries(&self) -> Result<Survey, StorageFault> {
        let mut looked_for = HashMap::new();
        let mut failed = Ok(());
        let mut survey = Survey::default();
        let counts = self.meta.read_with(|database| {
            rows::survey(database, &mut |entry| {
                let mut is_whole = true;
                for digest in entry.named() {
                    is_whole &= *looked_for.entry(digest).or_insert_with(|| {
                        let path = layout::blob(&digest);
                        let stat = self.disk.stat_path(&path).blame("stat", &path);
                        stat.map_or_else(
                            |fault| {
                                failed = Err(fault);
                                true
                            },
                            |stat| stat.is_some(),
                        )
                    });
                }
                survey.broken_count += u64::from(!is_whole);
            })
        })?;
        failed?;
        (survey.foreign_count, survey.missing_count, survey.stray_count) = counts;
        Ok(survey)
    }

    /// Makes the rows match each other. Nobody has asked for an entry yet.
    pub(crate) fn mend_entries(&self) -> Result<(), ChangeError> {
        self.begin_changes()?;
        let mended = self.meta.change(Durability::Immediate, rows::mend);
        mended.map_err(|fault| if fault.is_untried() { fault.into() } else { self.latch(fault).into() })
    }
}
