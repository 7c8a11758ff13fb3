//! What can be wrong with a source. Each reaches the caller inside an [`io::Error`].

use std::io;

/// A file ended before the range that was to be read from it. The kind of its [`io::Error`] is `UnexpectedEof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source ended at offset {offset}, {missing} bytes early")]
pub struct SourceTruncated {
    /// The first offset that could not be read.
    pub offset: u64,
    /// How many bytes of the range are missing from there on.
    pub missing: u64,
}

/// A file was written or resized while it was copied. The kind of its [`io::Error`] is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source changed while it was copied: its size was {size_before} before and is {size_after} now")]
pub struct SourceChanged {
    /// Size in bytes when the copy began.
    pub size_before: u64,
    /// Size in bytes when the copy ended; the same if only the content changed.
    pub size_after: u64,
}

impl From<SourceTruncated> for io::Error {
    fn from(fault: SourceTruncated) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, fault)
    }
}

impl From<SourceChanged> for io::Error {
    fn from(fault: SourceChanged) -> Self {
        Self::other(fault)
    }
}
