//! fsync(2), fdatasync(2) and syncfs(2).
//!
//! A failed sync must not be repeated: Linux marks the pages clean when their write-back fails, so a second call may
//! succeed over lost bytes.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Makes the content of `file` durable, and what is needed to find it again (its size), but not its times.
///
/// # Errors
///
/// EIO, ENOSPC or EDQUOT when write-back failed, now or earlier. See fdatasync(2).
pub fn fdatasync(file: impl AsFd) -> Result<()> {
    rustix::fs::fdatasync(file).named("fdatasync")
}

/// Makes `file` durable with all its metadata; on a directory, its names.
///
/// # Errors
///
/// As for [`fdatasync`]. See fsync(2).
pub fn fsync(file: impl AsFd) -> Result<()> {
    rustix::fs::fsync(file).named("fsync")
}

/// Makes the whole filesystem that holds `file` durable, strangers' files included.
///
/// # Errors
///
/// Since Linux 5.8, EIO or ENOSPC if write-back of any of its inodes failed since `file` was opened. See syncfs(2).
pub fn syncfs(file: impl AsFd) -> Result<()> {
    rustix::fs::syncfs(file).named("syncfs")
}
