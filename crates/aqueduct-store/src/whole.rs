//! Blobs that are whole in memory: verified before anything of them is written, and published together.

use aqueduct_blob::{Algorithm, Digest, Hashed, Hasher};
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
    /// All of it.
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
    pub fn put_all(&self, blobs: &[Whole<'_>]) -> Vec<Result<Published, PutError>> {
        let mut verified = Vec::with_capacity(blobs.len());
        let refused: Vec<_> = (blobs.iter())
            .map(|blob| self.stage_whole(blob).map(|staged| verified.push(staged)).err())
            .collect();
        let mut published = self.inner.publish_all(verified).into_iter();
        let outcomes = refused.into_iter().map(|refused| match refused {
            Some(error) => Err(error),
            None => Ok(published.next().expect("all that were staged have an outcome")?),
        });
        outcomes.collect()
    }

    fn stage_whole(&self, blob: &Whole<'_>) -> Result<Verified, PutError> {
        let mut hasher = Hasher::new(blob.algorithm);
        hasher.update(blob.bytes);
        let hashed = hasher.finish();
        match blob.expected {
            Some(expected) if expected != hashed.digest => {
                Err(PutError::DigestMismatch { expected, actual: hashed.digest })
            }
            _ => Ok(self.write_whole(blob.bytes, hashed).map_err(PublishError::from)?),
        }
    }

    fn write_whole(&self, bytes: &[u8], hashed: Hashed) -> Result<Verified, ChangeError> {
        let inner = &self.inner;
        inner.begin_changes()?;
        let file = inner.disk.stage().blame("stage", STAGED)?;
        let written = inner.disk.write(&file, 0, &mut |file| {
            // What was hashed is what is written.
            Intake::new(ReceiveRoute::Copy).put(bytes, file, 0, &mut |_| {})?;
            Ok(Step::Moved(bytes.len()))
        });
        let _ = written.blame("write", STAGED)?;
        Ok(Verified { inner: inner.clone(), file, hashed })
    }
}
