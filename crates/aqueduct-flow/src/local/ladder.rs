//! What is known of the ways between filesystems.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

use aqueduct_sys::Errno;

use super::LocalCopy;
use crate::Route;

/// The ways of copying a file, best first: reflink, `copy_file_range`, `sendfile`, read and write. A file starts on the
/// first rung that has not failed for good between these two filesystems. Meant to be shared.
#[derive(Debug, Default)]
pub struct CopyLadder {
    /// How many of [`RUNGS`] are left out.
    skipped: usize,
    /// At most [`FAILURE_COUNT_MAX`].
    failures: Mutex<HashSet<(Pair, Route)>>,
}

/// A source and a target filesystem, by device.
pub(super) type Pair = (u64, u64);

impl CopyLadder {
    /// A ladder that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A ladder without the rungs above `route`: for those who ask what it takes. `None` if no rung is called so.
    #[must_use]
    pub fn from_rung(route: Route) -> Option<Self> {
        let skipped = RUNGS.iter().position(|&rung| rung == route)?;
        Some(Self { skipped, ..Self::default() })
    }

    /// Begins to copy all of `source` to `target`.
    ///
    /// `source` is a regular file that nobody changes meanwhile. `target` is an empty regular file open for writing, not
    /// in append mode, that nobody else writes. The positions of both move. Holes stay holes.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if either is not a regular file or `target` is not empty; otherwise what statx(2) says.
    pub fn begin<'a>(&'a self, source: &'a File, target: &'a File) -> io::Result<LocalCopy<'a>> {
        LocalCopy::begin(self, source, target)
    }

    /// The rungs worth trying between a pair of filesystems, best first and never none.
    pub(super) fn rungs(&self, pair: Pair) -> Vec<Route> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let rungs = RUNGS.into_iter().skip(self.skipped);
        rungs.filter(|&rung| rung == LAST_RUNG || !failures.contains(&(pair, rung))).collect()
    }

    /// Remembers that `rung` failed between a pair of filesystems, if `errno` says that it always will.
    pub(super) fn note(&self, pair: Pair, rung: Route, errno: Errno) {
        if !is_for_good(errno) {
            return;
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= FAILURE_COUNT_MAX {
            failures.clear();
        }
        failures.insert((pair, rung));
    }
}

/// Whether the answer `errno` sends a file to the next rung.
pub(super) fn is_descent(errno: Errno) -> bool {
    // EINVAL, EPERM and ETXTBSY may be about this one file: one without checksums on btrfs, an immutable one, a swap file.
    is_for_good(errno) || matches!(errno, Errno::INVAL | Errno::PERM | Errno::TXTBSY)
}

/// Whether `errno` speaks of the kernel or the filesystems rather than of one file. A file-bound refusal is never
/// remembered: that would cost every later file its reflink.
fn is_for_good(errno: Errno) -> bool {
    matches!(errno, Errno::XDEV | Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY)
}

/// Every rung, best first.
pub(super) const RUNGS: [Route; 4] = [Route::Reflink, Route::CopyFileRange, Route::Sendfile, LAST_RUNG];

/// Below it there is nothing: what fails here fails.
pub(super) const LAST_RUNG: Route = Route::Copy;

/// Filesystems come and go; what is forgotten costs one failing call to learn again.
const FAILURE_COUNT_MAX: usize = 1024;
