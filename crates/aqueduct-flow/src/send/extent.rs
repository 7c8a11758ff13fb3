//! A range of a file that can be sent.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use crate::SourceTruncated;

/// A range of an open file. The file must not change while the extent is sent: bytes go by reference, and the receiver
/// sees what is in the page cache when they leave.
#[derive(Clone, Debug)]
pub struct Extent {
    file: Arc<File>,
    range: Range<u64>,
}

impl Extent {
    /// The bytes of `file` from `range.start` up to, but without, `range.end`. Whether they exist is found when they are
    /// sent.
    #[must_use]
    pub fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self { file, range }
    }

    /// The file the bytes come from.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The bytes that are left to send.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// How many bytes are left to send.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// How many bytes to send now, if at most `len_max`.
    pub(super) fn piece_len(&self, len_max: usize) -> usize {
        usize::try_from(self.len()).map_or(len_max, |len| len.min(len_max))
    }

    /// Takes `len` bytes off the front.
    pub(super) fn advance(&mut self, len: usize) {
        assert!(len as u64 <= self.len(), "a call moves no more than it was asked to");
        self.range.start += len as u64;
    }

    /// The fault of a file that has nothing at `offset`, which this extent still needs.
    pub(super) fn truncated_at(&self, offset: u64) -> SourceTruncated {
        SourceTruncated { offset, missing: self.range.end - offset }
    }
}
