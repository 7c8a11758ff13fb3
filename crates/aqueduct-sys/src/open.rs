//! openat(2) of what is already there.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::error::Named;
use crate::{Errno, Result};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Opens the file at `path`, seen from `dir`. Never follows a symbolic link in the last place, and never waits for the
/// other end of a fifo that somebody put there: `O_NONBLOCK` means nothing to a regular file.
///
/// # Errors
///
/// ENOENT where there is none; ELOOP for a symbolic link. See openat(2).
pub fn open_file(dir: impl AsFd, path: &Path, access: Access) -> Result<OwnedFd> {
    let access = match access {
        Access::Read => OFlags::RDONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    rustix::fs::openat(dir, path, access | GUARDED, Mode::empty()).named("openat")
}

/// Opens a file for reading that leaves no trace in it: the first read after a change would make the filesystem write down
/// when that was. Otherwise like [`open_file`]. Whose file it is not may not ask for that, and leaves the trace.
///
/// # Errors
///
/// As [`open_file`].
pub fn open_untouched(dir: impl AsFd, path: &Path) -> Result<OwnedFd> {
    match rustix::fs::openat(&dir, path, OFlags::RDONLY | OFlags::NOATIME | GUARDED, Mode::empty()) {
        Err(Errno::PERM) => open_file(dir, path, Access::Read),
        opened => opened.named("openat"),
    }
}

/// Opens the directory at `path`, to name files in it or to sync it.
///
/// # Errors
///
/// ENOENT where there is none; ENOTDIR for anything else. See openat(2).
pub fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty()).named("openat")
}

/// Nobody's link is followed, no fifo waited for, and no terminal taken.
const GUARDED: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
