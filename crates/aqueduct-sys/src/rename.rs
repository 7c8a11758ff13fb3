//! renameat2(2).

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::RenameFlags;

use crate::error::{Error, Named, Result};
use crate::{Errno, Placed};

/// Moves `old_name` in `old_dir` to `new_name` in `new_dir` unless that name is taken; never replaces.
///
/// # Errors
///
/// ENOENT without an old name, EXDEV across mounts, EINVAL where the filesystem knows no `RENAME_NOREPLACE`. See
/// renameat2(2).
pub fn rename_noreplace(
    old_dir: impl AsFd,
    old_name: &Path,
    new_dir: impl AsFd,
    new_name: &Path,
) -> Result<Placed> {
    match rustix::fs::renameat_with(old_dir, old_name, new_dir, new_name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Placed::New),
        Err(Errno::EXIST) => Ok(Placed::NameTaken),
        Err(errno) => Err(Error::new("renameat2", errno)),
    }
}

/// Moves `old_name` in `old_dir` to `new_name` in `new_dir`, in the place of what is there: a file or link in that of a file
/// or link, a directory in that of an empty one.
///
/// # Errors
///
/// ENOENT without an old name, EXDEV across mounts, EISDIR or ENOTDIR where only one is a directory, ENOTEMPTY. See
/// renameat(2).
pub fn rename_over(old_dir: impl AsFd, old_name: &Path, new_dir: impl AsFd, new_name: &Path) -> Result<()> {
    rustix::fs::renameat(old_dir, old_name, new_dir, new_name).named("renameat")
}
