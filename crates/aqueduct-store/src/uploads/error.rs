//! What can go wrong with an upload.

use aqueduct_blob::{Digest, OutOfBounds};

use crate::fault::{ChangeError, ReadOnly, StorageFault};
use crate::publish::PublishError;

/// Why an upload was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UploadError {
    /// The id stands for an upload of something else.
    #[error("the upload is of another blob")]
    Conflict,
    /// There are as many as the store takes.
    #[error("there are {limit} uploads already; finish, drop or await some of them")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// The store takes no changes, or the disk failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StorageFault> for UploadError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

impl From<ReadOnly> for UploadError {
    fn from(error: ReadOnly) -> Self {
        Self::Change(error.into())
    }
}

/// Why a segment cannot be received now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// It is held.
    #[error("the segment is there already")]
    AlreadyHeld,
    /// The chain before it is not known: neither is the segment before it held, nor was its end claimed.
    #[error("the segment can be checked only once the checkpoint before it is known")]
    StateUnknown,
    /// There is no such segment.
    #[error("the blob has {count} segments")]
    OutOfBounds {
        /// How many there are.
        count: u64,
    },
    /// The upload was dropped.
    #[error("the upload was dropped")]
    Gone,
}

/// Why claims were not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClaimError {
    /// There are no such checkpoints.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// Records had to be dropped, and the disk failed: the whole upload may be gone.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Why an upload is not a blob yet.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FinishError {
    /// Segments have to be sent: the first of them, in order, at most 4096.
    #[error("segments are missing, the first of them number {}", .0[0])]
    Missing(Vec<u64>),
    /// Segments were damaged and have to be sent again. They are missing from now on.
    #[error("{} segments are damaged", .0.len())]
    Broken(Vec<u64>),
    /// Everything is there, and is another blob.
    #[error("the bytes are {actual}, not {expected}")]
    Mismatch {
        /// The name it was to have.
        expected: Digest,
        /// The name of the bytes.
        actual: Digest,
    },
    /// The upload was dropped.
    #[error("the upload was dropped")]
    Gone,
    /// It is whole, and could not be published. To try again needs no byte.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<ChangeError> for FinishError {
    fn from(error: ChangeError) -> Self {
        Self::Publish(error.into())
    }
}
