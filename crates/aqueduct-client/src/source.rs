//! A file to upload.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_blob::{Algorithm, Digest, parallel};
use aqueduct_flow::Extent;
use aqueduct_sys::{Stat, stat};

use crate::error::Error;

/// A regular file, and what it looked like when it was first seen: if it looks otherwise in the end, it changed.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<File>,
    seen: Stat,
}

impl Source {
    /// A file as it is now.
    ///
    /// # Errors
    ///
    /// Those of statx(2).
    pub fn new(file: File) -> io::Result<Self> {
        let seen = stat(&file)?;
        Ok(Self { file: Arc::new(file), seen })
    }

    /// A file that was seen before, opened again.
    #[must_use]
    pub fn seen_before(file: File, seen: Stat) -> Self {
        Self { file: Arc::new(file), seen }
    }

    /// What it looked like when it was first seen.
    #[must_use]
    pub fn seen(&self) -> &Stat {
        &self.seen
    }

    /// In bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.seen.size
    }

    /// The digest of what is in it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or has changed.
    pub fn hash(&self, algorithm: Algorithm) -> Result<Digest, Error> {
        let hashed = self.hash_unless(algorithm, &AtomicBool::new(false))?;
        if self.has_changed()? { Err(Error::changed()) } else { Ok(hashed) }
    }

    /// The digest of what is in it, unless it is not wanted any more; then the error means nothing.
    pub(crate) fn hash_unless(&self, algorithm: Algorithm, unwanted: &AtomicBool) -> Result<Digest, Error> {
        let read = |offset, buffer: &mut [u8]| {
            if unwanted.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.file.read_exact_at(buffer, offset)
        };
        match parallel::hash(algorithm, self.size(), NonZeroUsize::MIN, read) {
            Ok(hashed) => Ok(hashed.digest),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::changed()),
            Err(error) => Err(Error::local("read the source", error)),
        }
    }

    /// Whether anybody wrote to it since it was first seen.
    pub(crate) fn has_changed(&self) -> Result<bool, Error> {
        let now = stat(&self.file).map_err(|error| Error::local("look at the source", error.into()))?;
        let looks = |stat: &Stat| (stat.device, stat.inode, stat.size, stat.mtime, stat.ctime);
        Ok(looks(&now) != looks(&self.seen))
    }

    /// Fills `buffer` with what is at `offset`.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        match self.file.read_exact_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::changed()),
            read => read.map_err(|error| Error::local("read the source", error)),
        }
    }

    pub(crate) fn extent(&self, range: Range<u64>) -> Extent {
        Extent::new(Arc::clone(&self.file), range)
    }
}
