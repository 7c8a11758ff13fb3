//! The facts about one filesystem.

use std::fs::File;

use aqueduct_sys::Result;

use super::{BYTE, LEN, Sending, Tried};
use super::{cachestat, copy_file_range, dontcache, nowait, reflink, sendfile, splice};
use crate::Route;
use crate::write_all::write_all_at;

/// What the kernel does with files of one filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// sendfile(2) from a file into a TCP connection.
    pub sendfile: Sending,
    /// splice(2) from a pipe into a file.
    pub splice: Tried,
    /// ioctl_ficlone(2) between two files.
    pub reflink: Tried,
    /// copy_file_range(2) between two files.
    pub copy_file_range: Tried,
    /// preadv2(2) with `RWF_NOWAIT`.
    pub nowait: Tried,
    /// preadv2(2) with `RWF_DONTCACHE`.
    pub dontcache: Tried,
    /// cachestat(2).
    pub cachestat: Tried,
}

impl Ground {
    /// Tries everything on two files of the filesystem, which are empty, open for reading and writing, and nobody else's.
    /// What they hold afterwards means nothing.
    ///
    /// # Errors
    ///
    /// Where nothing can be written to them: ENOSPC and EDQUOT without room.
    pub fn of(source: &File, target: &File) -> Result<Self> {
        write_all_at(source, &[BYTE; LEN], 0)?;
        Ok(Self {
            nowait: nowait::read_without_waiting(source),
            dontcache: dontcache::read_uncached(source),
            cachestat: cachestat::counted(source),
            // The target must be empty: the others write to it.
            reflink: reflink::reflinked(source, target),
            copy_file_range: copy_file_range::copied(source, target),
            splice: splice::spliced_into(target),
            // It overwrites the source.
            sendfile: sendfile::sent(source),
        })
    }

    /// The first rung that a [`CopyLadder`](crate::CopyLadder) will stay on within the filesystem.
    #[must_use]
    pub fn local_copy(&self) -> Route {
        if self.reflink.works() {
            Route::Reflink
        } else if self.copy_file_range.works() {
            Route::CopyFileRange
        } else if matches!(self.sendfile, Sending::Refused(_)) {
            Route::Copy
        } else {
            Route::Sendfile
        }
    }
}
