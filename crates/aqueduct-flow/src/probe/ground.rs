//! The facts about one filesystem.

use std::fs::File;

use aqueduct_sys::Result;

use super::{BYTE, LEN, Sending, Tried};
use super::{cachestat, copy_file_range, dontcache, nowait, reflink, sendfile, splice};
use crate::write_all::write_all_at;

/// What the kernel does with files of one filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// What a server goes by.
    pub served: Served,
    /// ioctl_ficlone(2) between two files.
    pub reflink: Tried,
    /// copy_file_range(2) between two files.
    pub copy_file_range: Tried,
    /// preadv2(2) with `RWF_DONTCACHE`.
    pub dontcache: Tried,
    /// cachestat(2).
    pub cachestat: Tried,
}

/// What the kernel does between connections and files of one filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// sendfile(2) from a file into a TCP connection.
    pub sendfile: Sending,
    /// splice(2) from a pipe into a file.
    pub splice: Tried,
    /// preadv2(2) with `RWF_NOWAIT`.
    pub nowait: Tried,
}

impl Ground {
    /// Tries everything on two files of the filesystem, which are empty, open for reading and writing, and nobody else's.
    /// What they hold afterwards means nothing.
    ///
    /// # Errors
    ///
    /// Where nothing can be written to them: ENOSPC and EDQUOT without room.
    pub fn of(source: &File, target: &File) -> Result<Self> {
        fill(source)?;
        Ok(Self {
            dontcache: dontcache::read_uncached(source),
            cachestat: cachestat::counted(source),
            // The target must be empty: the others write to it.
            reflink: reflink::reflinked(source, target),
            copy_file_range: copy_file_range::copied(source, target),
            served: Served::of(source, target)?,
        })
    }
}

impl Served {
    /// Tries what a server needs on two files of the filesystem, which are open for reading and writing, and nobody
    /// else's. What they hold afterwards means nothing. Nothing here makes the filesystem write to its medium.
    ///
    /// # Errors
    ///
    /// As [`Ground::of`].
    pub fn of(source: &File, target: &File) -> Result<Self> {
        fill(source)?;
        Ok(Self {
            nowait: nowait::read_without_waiting(source),
            splice: splice::spliced_into(target),
            // It overwrites the source.
            sendfile: sendfile::sent(source),
        })
    }
}

fn fill(source: &File) -> Result<()> {
    write_all_at(source, &[BYTE; LEN], 0)
}
