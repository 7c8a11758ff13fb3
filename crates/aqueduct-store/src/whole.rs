//! Blobs that are whole in memory: verified before anything of them is written, and published together.

use std::sync::Arc;

use aqueduct_blob::{Algorithm, CheckpointList, Digest, Hashed, SEGMENT_LEN, hash_each};
use aqueduct_flow::{Intake, ReceiveRoute, Step};

use crate::fault::{Blame, ChangeError};
use crate::publish::{PublishError, Published};
use crate::staging::{STAGED, Verified};
use crate::store::Store;

/// A blob to be stored, all of whose bytes are here.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// What it will be named by.
    pub algorithm: Algorithm,
    /// The name it is to have, if that is known.
    pub expected: Option<Digest>,
    /// All of it: at most 4 MiB.
    pub bytes: &'a [u8],
}

/// Why a blob that was whole is not in the store.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The bytes have another name. Nothing was written.
    #[error("the bytes are {actual}, not {expected}")]
    DigestMismatch {
        /// The name they were to have.
        expected: Digest,
        /// The name they have.
        actual: Digest,
    },
    /// It was not staged, or not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl Store {
    /// Stores blobs, with one directory sync for each directory instead of one for each blob. Answers in the order given.
    ///
    /// Each has a file open until all of them are published. That a blob is here already is found when it gets its name:
    /// whoever has many of those asks first.
    ///
    /// # Panics
    /// If one has more than 4 MiB: such a blob has checkpoints.
    pub fn put_all(&self, blobs: &[Whole<'_>]) -> Vec<Result<Published, PutError>> {
        assert!(blobs.iter().all(|blob| blob.bytes.len() as u64 <= SEGMENT_LEN), "what is whole is small");
        let alike: Vec<_> = blobs.iter().map(|blob| (blob.algorithm, blob.bytes)).collect();
        let mut verified = Vec::with_capacity(blobs.len());
        let refused: Vec<_> = (blobs.iter().zip(hash_each(&alike)))
            .map(|(blob, actual)| self.stage_whole(blob, actual).map(|it| verified.push(it)).err())
            .collect();
        let mut published = self.inner.publish_all(verified).into_iter();
        let outcomes = refused.into_iter().map(|refused| match refused {
            Some(error) => Err(error),
            None => Ok(published.next().expect("all that were staged have an outcome")?),
        });
        outcomes.collect()
    }

    fn stage_whole(&self, blob: &Whole<'_>, actual: Digest) -> Result<Verified, PutError> {
        match blob.expected {
            Some(expected) if expected != actual => Err(PutError::DigestMismatch { expected, actual }),
            _ => Ok(self.write_whole(blob.bytes, actual).map_err(PublishError::from)?),
        }
    }

    fn write_whole(&self, bytes: &[u8], digest: Digest) -> Result<Verified, ChangeError> {
        let inner = &self.inner;
        let size = bytes.len() as u64;
        let checkpoints = CheckpointList::new(digest.algorithm(), size, Vec::new());
        let checkpoints = checkpoints.expect("a blob of one segment has no checkpoints");
        inner.begin_changes()?;
        let reservation = inner.reserve(size)?;
        let file = Arc::new(inner.disk.stage().blame("stage", STAGED)?);
        let written = inner.disk.write(&file, 0, &mut |file| {
            // What was hashed is what is written.
            Intake::new(ReceiveRoute::Copy).put(bytes, file, 0, &mut |_| {})?;
            Ok(Step::Moved(bytes.len()))
        });
        let _ = written.blame("write", STAGED)?;
        Ok(Verified { inner: inner.clone(), file, hashed: Hashed { digest, size, checkpoints }, reservation })
    }
}
