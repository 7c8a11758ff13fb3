//! openat(2) of what is already there.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
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

/// Whether reads of a file go by way of the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// They do.
    Cached,
    /// They do not (`O_DIRECT`): offset, length and memory are multiples of the device's block, and what others wrote and
    /// was not written back yet is written back first.
    Direct,
}

/// What is done about a symbolic link in the last place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// What it leads to is meant.
    Follow,
    /// It itself is meant.
    Keep,
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

/// Opens `file` once more, for reading, so that nothing about how it is read is shared with `file`: the same file, even
/// where its name was taken away. Leaves no trace, as [`open_untouched`] does, where that may be asked for.
///
/// # Errors
///
/// EINVAL for [`Caching::Direct`] where the filesystem has no such way; ENOENT where /proc is not mounted. See open(2) and
/// `/proc/pid/fd` in proc(5).
pub fn reopen(file: impl AsFd, caching: Caching) -> Result<OwnedFd> {
    let direct = match caching {
        Caching::Cached => OFlags::empty(),
        Caching::Direct => OFlags::DIRECT,
    };
    let itself = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | direct;
    match rustix::fs::open(&itself, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::open(&itself, flags, Mode::empty()).named("open"),
        opened => opened.named("open"),
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

/// Opens the directory `name` in `dir`, to read what is in it.
///
/// # Errors
///
/// ENOENT where there is none; ENOTDIR for anything else, and for a symbolic link that is to be kept. See openat(2).
pub fn open_directory_at(dir: impl AsFd, name: &Path, symlinks: Symlinks) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | symlinks.open_flags();
    rustix::fs::openat(dir, name, flags, Mode::empty()).named("openat")
}

/// Takes hold of `name` in `dir` without opening it (`O_PATH`): to ask what it is, to name what is in it, or to
/// [`reopen`] it. Needs no right to read it, and wakes no device.
///
/// # Errors
///
/// ENOENT where there is none. See openat(2).
pub fn locate(dir: impl AsFd, name: &Path, symlinks: Symlinks) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | symlinks.open_flags();
    rustix::fs::openat(dir, name, flags, Mode::empty()).named("openat(O_PATH)")
}

impl Symlinks {
    fn open_flags(self) -> OFlags {
        match self {
            Self::Follow => OFlags::empty(),
            Self::Keep => OFlags::NOFOLLOW,
        }
    }
}

/// Nobody's link is followed, no fifo waited for, and no terminal taken.
const GUARDED: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
