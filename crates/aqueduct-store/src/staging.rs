//! A blob on its way in: staged, then verified, then published.
//!
//! Each step consumes the one before, so that nothing can be published which was not verified after its last write.

mod follower;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aqueduct_blob::{Algorithm, Digest, Hashed, Hasher, SEGMENT_LEN, parallel};
use aqueduct_flow::{Carried, CopyLadder, Step};

use crate::fault::{Blame, ChangeError, StorageFault};
use crate::publish::{PublishError, Published};
use crate::space::Reservation;
use crate::store::{Inner, Store};
pub use follower::Follower;

/// What [`Staging::fill`] calls to move bytes: the file, the offset to write at, and where to show what was written.
///
/// Bytes that are shown are hashed on the way. Where a route cannot show them (a copy inside the kernel), the blob is
/// read back and hashed before it is verified.
pub type Turn<'a> = dyn FnMut(&File, u64, &mut dyn FnMut(&[u8])) -> io::Result<Step> + 'a;

/// Who hears of progress: how many bytes more were read.
pub type Told<'a> = dyn Fn(u64) + Sync + 'a;

/// Why staged bytes are not the blob they were meant to be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The bytes have another name.
    #[error("the bytes are {actual}, not {expected}")]
    DigestMismatch {
        /// The name they were to have.
        expected: Digest,
        /// The name they have.
        actual: Digest,
    },
    /// There are more or fewer bytes than announced.
    #[error("{actual} bytes came where {announced} were announced")]
    SizeMismatch {
        /// Bytes announced to [`Store::begin`].
        announced: u64,
        /// Bytes staged.
        actual: u64,
    },
    /// The staged file could not be read back.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}

/// Bytes without a name, visible to nobody. Dropped, they are gone.
#[must_use = "a staging that is dropped is gone"]
pub struct Staging {
    inner: Arc<Inner>,
    file: Arc<File>,
    /// Bytes staged so far.
    len: u64,
    announced: Option<u64>,
    algorithm: Algorithm,
    /// The hash of the first `len` bytes, for as long as every byte was shown and nobody has borrowed it.
    hasher: Option<Hasher>,
    /// Where whoever has borrowed it sees how far the staging has come.
    lent: Option<Arc<AtomicU64>>,
    /// Otherwise, the hash of all `len` bytes, once they were read back.
    hashed: Option<Hashed>,
    reservation: Reservation,
}

/// Staged bytes whose digest is known. Nothing can write to them any more.
#[must_use = "a verified blob is visible only once it is published"]
pub struct Verified {
    pub(crate) inner: Arc<Inner>,
    pub(crate) file: Arc<File>,
    pub(crate) hashed: Hashed,
    /// Given back once the index counts it.
    pub(crate) reservation: Reservation,
}

impl Store {
    /// Begins a blob that will be named by `algorithm`. With a `size`, its space is reserved first, so that a full disk
    /// is known before the first byte arrives, and more or fewer bytes are an error.
    ///
    /// # Errors
    /// Where the store is read-only, or the disk is full or failing.
    pub fn begin(&self, algorithm: Algorithm, size: Option<u64>) -> Result<Staging, ChangeError> {
        let inner = Arc::clone(&self.inner);
        inner.begin_changes()?;
        let reservation = inner.reserve(size.unwrap_or(0))?;
        let file = Arc::new(inner.disk.stage().blame("stage", STAGED)?);
        if let Some(size) = size.filter(|size| *size > 0) {
            inner.disk.reserve(&file, size).blame("reserve", STAGED)?;
        }
        let hasher = Some(Hasher::new(algorithm));
        Ok(Staging {
            inner,
            file,
            len: 0,
            announced: size,
            algorithm,
            hasher,
            lent: None,
            hashed: None,
            reservation,
        })
    }
}

impl Staging {
    /// Lets `turn` write the next bytes, and counts and hashes what it wrote. Answers what `turn` answers.
    ///
    /// # Errors
    /// What `turn` failed with: the caller knows whether it was the source or the disk.
    pub fn fill(&mut self, turn: &mut Turn<'_>) -> io::Result<Step> {
        self.hashed = None;
        if self.announced.is_none() {
            self.enlarge(self.len + TURN_LEN_MAX)?;
        }
        let Self { inner, file, len, hasher, lent, .. } = self;
        let offset = *len;
        let mut observe = |bytes: &[u8]| {
            if let Some(hasher) = hasher {
                hasher.update(bytes);
            }
        };
        let step = inner.disk.write(file, offset, &mut |file| turn(file, offset, &mut observe));
        if let Ok(Step::Moved(count)) = step {
            *len += count as u64;
            if let Some(staged) = lent {
                staged.store(*len, Ordering::Release);
            }
        }
        // Not everything was shown, or more than was written, as before an error.
        if hasher.as_ref().is_some_and(|hasher| hasher.size() != *len) {
            *hasher = None;
        }
        step
    }

    /// Copies a whole file of this machine by the best way there is, and reports which carried it. Nothing was staged
    /// before. `told` hears how far the copy is after each turn; holes count.
    ///
    /// The bytes are hashed when they are verified: what was staged counts, not what the source said.
    ///
    /// # Errors
    /// Where the source cannot be read or changes meanwhile, or the disk is full or failing.
    pub fn copy_from(
        &mut self,
        ladder: &CopyLadder,
        source: &File,
        told: &mut dyn FnMut(u64),
    ) -> io::Result<Carried> {
        assert_eq!(self.len, 0, "a copy is of a whole file");
        self.hasher = None;
        self.hashed = None;
        self.enlarge(source.metadata()?.len())?;
        let mut copy = ladder.begin(source, &self.file)?;
        let mut ended = false;
        while !ended {
            let offset = self.len;
            let mut turn = |_: &File| {
                ended = match copy.step(COPY_TURN_LEN)? {
                    Step::Moved(_) => false,
                    Step::End => true,
                    Step::Blocked(_) => unreachable!("regular files never block"),
                };
                // Holes count as written: they are part of what is there now.
                Ok(Step::Moved(usize::try_from(copy.position() - offset).unwrap_or(usize::MAX)))
            };
            let _ = self.inner.disk.write(&self.file, offset, &mut turn)?;
            self.len = copy.position();
            told(self.len);
        }
        Ok(*copy.carried())
    }

    fn enlarge(&mut self, len: u64) -> io::Result<()> {
        self.inner.enlarge(&mut self.reservation, len).map_err(|error| match error {
            ChangeError::Fault(fault) => io::Error::new(fault.kind(), fault),
            ChangeError::ReadOnly(read_only) => io::Error::other(read_only),
        })
    }

    /// Whether what is shown to it is hashed: not while its hash is lent, nor once something was not shown.
    pub fn is_hashing(&self) -> bool {
        self.hasher.is_some()
    }

    /// Bytes staged so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was staged yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Hashes what was staged and not shown while it was written, which [`Staging::verify`] otherwise does itself: for those
    /// who want to see how far it is. `told` hears how many bytes were read, again and again, from several threads.
    ///
    /// # Errors
    /// Where the staged bytes cannot be read back.
    pub fn read_back(&mut self, told: &Told<'_>) -> Result<(), StorageFault> {
        if self.hasher.is_none() && self.hashed.is_none() {
            let read = |offset, buffer: &mut [u8]| {
                self.file.read_exact_at(buffer, offset)?;
                told(buffer.len() as u64);
                Ok(())
            };
            let threads = self.inner.options.threads;
            let hashed: io::Result<Hashed> = parallel::hash(self.algorithm, self.len, threads, read);
            self.hashed = Some(hashed.blame("read", STAGED)?);
        }
        Ok(())
    }

    /// Finds the digest of what was staged and holds it against what was `expected`, if anything was.
    ///
    /// # Errors
    /// Where they differ, or the staged bytes cannot be read back.
    pub fn verify(mut self, expected: Option<&Digest>) -> Result<Verified, VerifyError> {
        if let Some(announced) = self.announced.filter(|announced| *announced != self.len) {
            return Err(VerifyError::SizeMismatch { announced, actual: self.len });
        }
        // A receiver may have made the file longer than what it wrote, and an error may have left more than was counted.
        let size = self.inner.disk.stat(&self.file).blame("stat", STAGED)?.size;
        if size > self.len {
            self.inner.disk.set_len(&self.file, self.len).blame("truncate", STAGED)?;
        }
        self.read_back(&|_| {})?;
        let hashed = match self.hasher {
            Some(hasher) => hasher.finish(),
            None => self.hashed.expect("what was not shown was read back"),
        };
        match expected {
            Some(expected) if *expected != hashed.digest => {
                Err(VerifyError::DigestMismatch { expected: *expected, actual: hashed.digest })
            }
            _ => Ok(Verified { inner: self.inner, file: self.file, hashed, reservation: self.reservation }),
        }
    }
}

impl Verified {
    /// The name of the blob.
    pub fn digest(&self) -> Digest {
        self.hashed.digest
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.hashed.size
    }

    /// Whether it is long enough to have checkpoints.
    pub(crate) fn has_checkpoints(&self) -> bool {
        self.hashed.size > SEGMENT_LEN
    }

    /// Makes the blob visible under its name, whole or not at all. Under [`SyncPolicy::Full`](crate::SyncPolicy) it is
    /// durable when this returns.
    ///
    /// # Errors
    /// Where the store is read-only, or the disk is full or failing. The blob may be visible all the same where only
    /// making its name durable failed; it is right if it is.
    pub fn publish(self) -> Result<Published, PublishError> {
        let inner = Arc::clone(&self.inner);
        inner.publish(self)
    }
}

impl fmt::Debug for Staging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staging")
            .field("len", &self.len)
            .field("announced", &self.announced)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("digest", &self.hashed.digest).finish_non_exhaustive()
    }
}

/// How much of a local copy is one turn: enough that the calls do not count, and progress is seen.
const COPY_TURN_LEN: usize = 64 << 20;

/// At least as much as any turn of a blob of unknown size writes.
const TURN_LEN_MAX: u64 = 4 << 20;

/// What faults call a file that has no name yet.
pub(crate) const STAGED: &str = "the staged blob";
