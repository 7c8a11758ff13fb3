//! fchmod(2) and fchown(2).

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};

use crate::error::Named;
use crate::{Result, Symlinks, locate};

/// Sets the permission bits of `file`: 12 of them, as in inode(7).
///
/// # Errors
///
/// EPERM where the file is somebody else's. See fchmod(2).
pub fn set_mode(file: impl AsFd, mode: u32) -> Result<()> {
    rustix::fs::fchmod(file, Mode::from_raw_mode(mode)).named("fchmod")
}

/// The same for `name` in `dir`, which need not let itself be opened. By way of /proc/self/fd.
///
/// # Errors
///
/// As [`set_mode`]; EOPNOTSUPP for a symbolic link, which is not followed and has no mode; ENOENT where /proc is not
/// mounted.
pub fn set_mode_in(dir: impl AsFd, name: &Path, mode: u32) -> Result<()> {
    let opened = locate(dir, name, Symlinks::Keep)?;
    let itself = format!("/proc/self/fd/{}", opened.as_raw_fd());
    rustix::fs::chmodat(CWD, &itself, Mode::from_raw_mode(mode), AtFlags::empty()).named("fchmodat")
}

/// Gives `file` to `user` and `group`. For whoever is not root that takes set-user-ID and set-group-ID away.
///
/// # Errors
///
/// EPERM for whoever may not give files away. See fchown(2).
pub fn set_owner(file: impl AsFd, user: u32, group: u32) -> Result<()> {
    rustix::fs::fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))).named("fchown")
}

/// The same for `name` in `dir`, which is a symbolic link itself rather than what it leads to.
///
/// # Errors
///
/// As [`set_owner`].
pub fn set_owner_in(dir: impl AsFd, name: &Path, user: u32, group: u32) -> Result<()> {
    let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
    rustix::fs::chownat(dir, name, user, group, AtFlags::SYMLINK_NOFOLLOW).named("fchownat")
}
