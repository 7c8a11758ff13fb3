//! openat(2) of what is already there.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::Result;
use crate::error::Named;

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
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(dir, path, flags, Mode::empty()).named("openat")
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
