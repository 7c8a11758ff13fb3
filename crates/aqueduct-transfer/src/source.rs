//! What is sent: trees that are walked, files that are read, and how anybody knows that they have not changed.
//!
//! ```text
//! Walk ──> Found::Entry { entry, file } ──> SourceFile ── open ──> Opened: a descriptor, holes, is_unchanged
//!      └─> Found::Left                          └─ read_small ──> bytes
//! ```
//!
//! A file is what it was when the walk saw it, or it has changed: device, inode, size and times decide, each time it is
//! opened and when it was read. So it does not matter what became of the names meanwhile.

mod checkpoints;

mod directory;
mod exclude;
mod file;
mod look;
mod opened;
mod roots;
#[cfg(test)]
mod tests;
mod walk;
mod xattrs;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_wire::transfer::Kind;

use crate::{Error, ErrorKind, Preserve};

pub(crate) use checkpoints::{CheckpointCache, Kept};
pub(crate) use file::SourceFile;
pub(crate) use look::{Item, Look, Seen};
pub(crate) use opened::Opened;
pub(crate) use walk::{Found, Walk};

/// How much there is to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Bytes of all files, holes counted and each file once.
    pub(crate) size: u64,
    /// Names of files, so that one with two names counts twice.
    pub(crate) file_count: u64,
}

/// Walks what a [`Walk`] would, and adds up. Ends early with [`ErrorKind::Stopped`] once `stop` is set.
///
/// # Errors
///
/// Those of [`Walk::new`].
pub(crate) fn measure(
    paths: &[PathBuf],
    preserve: &Preserve,
    exclude: &[String],
    stop: &AtomicBool,
) -> Result<Totals, Error> {
    // They cost a call a file, and count for nothing.
    let preserve = Preserve { xattrs: false, ..*preserve };
    let mut totals = Totals::default();
    for found in Walk::new(paths, &preserve, exclude)? {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Stopped, "stopped while counting what there is to send"));
        }
        let Found::Entry { entry, .. } = found else { continue };
        match entry.kind {
            Kind::Regular { size, .. } => {
                totals.size = totals.size.saturating_add(size);
                totals.file_count += 1;
            }
            Kind::HardLink { .. } => totals.file_count += 1,
            Kind::Directory | Kind::Symlink { .. } | Kind::Stream => {}
        }
    }
    Ok(totals)
}
