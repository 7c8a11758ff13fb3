//! A stretch of an extent, mapped.

use aqueduct_sys::{MapError, ReadMapping};

use super::Extent;

/// The mapped stretch that a queue is sending from. It outlives a step, because mapping it anew costs its page faults again.
#[derive(Debug)]
pub(super) struct Window {
    mapping: ReadMapping,
    /// Where the mapping begins in the file.
    offset: u64,
}

impl Window {
    /// Maps the front of `extent`.
    pub(super) fn open(extent: &Extent) -> Result<Self, MapError> {
        let range = extent.range();
        let end = range.end.min(range.start.saturating_add(WINDOW_LEN));
        let mapping = ReadMapping::new(extent.file(), range.start..end)?;
        Ok(Self { mapping, offset: range.start })
    }

    /// The mapped bytes from the front of `extent` on; none if the window ends before it.
    pub(super) fn front(&self, extent: &Extent) -> &[u8] {
        let skip = extent.range().start.checked_sub(self.offset).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.mapping.get(skip..)).unwrap_or_default()
    }
}

/// Long enough that mapping costs little beside the bytes, short enough that a slow target pins little.
const WINDOW_LEN: u64 = 4 * 1024 * 1024;
