//! unlinkat(2).

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::AtFlags;

use crate::Result;
use crate::error::Named;

/// Takes away the name `name` in `dir` of what is no directory.
///
/// # Errors
///
/// ENOENT where there is none; EISDIR for a directory. See unlinkat(2).
pub fn remove_file(dir: impl AsFd, name: &Path) -> Result<()> {
    rustix::fs::unlinkat(dir, name, AtFlags::empty()).named("unlinkat")
}

/// Removes the directory `name` in `dir`, which is empty.
///
/// # Errors
///
/// ENOTEMPTY where it is not; ENOTDIR for anything else, a symbolic link among them. See unlinkat(2).
pub fn remove_directory(dir: impl AsFd, name: &Path) -> Result<()> {
    rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR).named("unlinkat")
}
