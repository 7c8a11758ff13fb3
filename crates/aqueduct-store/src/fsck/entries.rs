//! The rows of entries.

use std::path::Path;

use super::{Check, FsckError, Trouble};
use crate::fault::Blame;
use crate::layout;
use crate::store::Store;

impl Check<'_> {
    /// Rows that are no entry, rows that do not match each other, and entries whose blobs are gone.
    pub(super) fn entries(&mut self, store: &Store) -> Result<(), FsckError> {
        let inner = &store.inner;
        let meta = Path::new(layout::META);
        if self.disk.stat_path(meta).blame("stat", meta)?.is_none() {
            // It is made anew, or would be, and there are none.
            return Ok(());
        }
        let survey = inner.survey_entries()?;
        if survey.foreign_count > 0 {
            self.mend(layout::META, Trouble::EntriesForeign { count: survey.foreign_count }, || {
                Ok(inner.mend_entries()?)
            })?;
        }
        if survey.missing_count + survey.stray_count > 0 {
            let trouble =
                Trouble::EntriesUnmatched { missing: survey.missing_count, stray: survey.stray_count };
            self.mend(layout::META, trouble, || Ok(inner.mend_entries()?))?;
        }
        if survey.broken_count > 0 {
            self.mend(layout::META, Trouble::EntriesOfNone { count: survey.broken_count }, || {
                Ok(inner.look_for_all_named()?)
            })?;
        }
        Ok(())
    }
}
