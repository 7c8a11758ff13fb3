//! What went wrong on the disk, said once for every operation.

mod cause;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::database::NoRoom;
use crate::disk::Unopened;
pub use cause::Cause;

/// A verb of the disk that failed: what was tried, on which path, and what the kernel answered.
///
/// Cheap to clone, because one failed directory sync is the answer to every publish that shared it.
#[derive(Clone, Debug)]
pub struct StorageFault {
    verb: &'static str,
    path: PathBuf,
    source: Arc<io::Error>,
}

impl StorageFault {
    /// Records that `verb` on `path` failed with `source`.
    pub fn new(verb: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self { verb, path: path.as_ref().to_owned(), source: Arc::new(source) }
    }

    /// What was tried, in a word or two.
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// The path it was tried on, relative to the store where it lies inside.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the kernel's answer: how a caller tells a full disk from a broken one.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// What the kernel's answer means to whoever asked for the change.
    pub fn cause(&self) -> Cause {
        Cause::of(&self.source)
    }

    /// Whether the medium did not give what lies on it (EIO).
    pub(crate) fn is_of_medium(&self) -> bool {
        cause::is_of_medium(&self.source)
    }

    /// Whether what failed was never tried, for want of what it takes: nothing has changed, and it may be tried again.
    pub(crate) fn is_untried(&self) -> bool {
        self.source.get_ref().is_some_and(|source| source.is::<Unopened>() || source.is::<NoRoom>())
    }
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} failed", self.verb, self.path.display())
    }
}

impl std::error::Error for StorageFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Why a store takes no changes: a directory or the whole filesystem could not be synced. What was acknowledged before
/// still stands; what reached the medium since, nobody knows. Only opening the store again finds out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store is read-only since a sync failed; check the disk and open the store again")]
pub struct ReadOnly(#[source] pub StorageFault);

/// Why a change was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError {
    /// The store takes no changes; perhaps because of this very one.
    #[error(transparent)]
    ReadOnly(#[from] ReadOnly),
    /// The disk failed, or is full.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}

impl ChangeError {
    /// What it means to whoever asked for the change.
    pub fn cause(&self) -> Cause {
        match self {
            Self::ReadOnly(_) => Cause::ReadOnly,
            Self::Fault(fault) => fault.cause(),
        }
    }
}

/// Names the verb and the path of an I/O result that fails.
pub(crate) trait Blame<T> {
    fn blame(self, verb: &'static str, path: impl AsRef<Path>) -> Result<T, StorageFault>;
}

impl<T> Blame<T> for io::Result<T> {
    fn blame(self, verb: &'static str, path: impl AsRef<Path>) -> Result<T, StorageFault> {
        self.map_err(|source| StorageFault::new(verb, path, source))
    }
}
