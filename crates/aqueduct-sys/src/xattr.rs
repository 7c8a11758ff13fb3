//! listxattr(2) and getxattr(2), of a name in a directory.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Named, Result};
use crate::{Errno, Symlinks};

/// What there is of extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xattr {
    /// So many bytes of the buffer.
    Len(usize),
    /// More bytes than the buffer holds.
    TooLong,
    /// None: there are none, or the filesystem knows none.
    Absent,
}

/// The names of the extended attributes of `name` in `dir`, or of `dir` itself for `.`: one behind the other in `buffer`,
/// each with a NUL. Nothing is opened.
///
/// # Errors
///
/// ENOENT where there is no such file, or /proc is not mounted. See listxattr(2).
pub fn list_xattrs(dir: impl AsFd, name: &Path, symlinks: Symlinks, buffer: &mut [u8]) -> Result<Xattr> {
    let path = beneath(dir, name);
    match symlinks {
        Symlinks::Follow => answer("listxattr", rustix::fs::listxattr(path, buffer)),
        Symlinks::Keep => answer("llistxattr", rustix::fs::llistxattr(path, buffer)),
    }
}

/// The value of the extended attribute `xattr` of `name` in `dir`. Otherwise as [`list_xattrs`].
///
/// # Errors
///
/// As [`list_xattrs`]. See getxattr(2).
pub fn read_xattr(
    dir: impl AsFd,
    name: &Path,
    symlinks: Symlinks,
    xattr: &CStr,
    buffer: &mut [u8],
) -> Result<Xattr> {
    let path = beneath(dir, name);
    match symlinks {
        Symlinks::Follow => answer("getxattr", rustix::fs::getxattr(path, xattr, buffer)),
        Symlinks::Keep => answer("lgetxattr", rustix::fs::lgetxattr(path, xattr, buffer)),
    }
}

/// There is no such call with a directory before Linux 6.13, and the one with a descriptor wants the file opened.
fn beneath(dir: impl AsFd, name: &Path) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend(name.as_os_str().as_bytes());
    path
}

fn answer(call: &'static str, answered: rustix::io::Result<usize>) -> Result<Xattr> {
    match answered {
        Err(Errno::RANGE) => Ok(Xattr::TooLong),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(Xattr::Absent),
        answered => answered.named(call).map(Xattr::Len),
    }
}
