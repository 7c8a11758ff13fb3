//! open(2) with O_TMPFILE, and the linkat(2) that names what it opened.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::Errno;
use crate::error::{Error, Named, Result};

/// Whether the file now has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Placed {
    /// It has; nothing had the name before.
    New,
    /// It has not: the name belongs to a file that was there before, and nothing was changed.
    NameTaken,
}

/// Opens a new unnamed file for reading and writing on the filesystem of `dir`. `mode` is narrowed by the umask.
///
/// It disappears with its last descriptor, unless [`link_unnamed`] names it.
///
/// # Errors
///
/// EOPNOTSUPP where the filesystem has no unnamed files. See `O_TMPFILE` in open(2).
pub fn open_unnamed(dir: impl AsFd, mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::openat(dir, ".", flags, Mode::from_raw_mode(mode)).named("open(O_TMPFILE)")
}

/// Gives the unnamed `file` the name `name` in `dir`; never replaces.
///
/// By the descriptor itself (`AT_EMPTY_PATH`), which takes CAP_DAC_READ_SEARCH, or Linux 6.10 and the credentials that the
/// file was opened with; by way of /proc/self/fd, which takes a seventh longer, where that is refused.
///
/// # Errors
///
/// ENOENT if `file` was named once and unlinked since, or if the second way is the only one and /proc is not mounted;
/// EXDEV if `dir` is on another filesystem. See linkat(2) and open(2).
pub fn link_unnamed(file: impl AsFd, dir: impl AsFd, name: &Path) -> Result<Placed> {
    let (file, dir) = (file.as_fd(), dir.as_fd());
    match rustix::fs::linkat(file, "", dir, name, AtFlags::EMPTY_PATH) {
        // So it says where it may not, too.
        Err(Errno::NOENT) => placed(link_by_path(file, dir, name)),
        linked => placed(linked),
    }
}

fn link_by_path(file: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &Path) -> rustix::io::Result<()> {
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, itself, dir, name, AtFlags::SYMLINK_FOLLOW)
}

fn placed(linked: rustix::io::Result<()>) -> Result<Placed> {
    match linked {
        Ok(()) => Ok(Placed::New),
        Err(Errno::EXIST) => Ok(Placed::NameTaken),
        Err(errno) => Err(Error::new("linkat", errno)),
    }
}

#[cfg(test)]
mod tests;
