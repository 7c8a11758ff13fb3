//! utimensat(2) and futimens(3).

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT};

use crate::error::Named;
use crate::{Result, Timestamp};

/// Sets when `file` was last written, in whole seconds since 1970, and with that makes the moment of this call the one at
/// which it was last changed. Needs no right to write to it, only that it belongs to the caller. See futimens(3).
///
/// # Errors
///
/// EPERM where the file is somebody else's; EROFS.
pub fn set_written(file: impl AsFd, seconds: i64) -> Result<()> {
    set_mtime(file, Timestamp { seconds, nanoseconds: 0 })
}

/// The same to the nanosecond, or to what the filesystem can hold.
///
/// # Errors
///
/// As [`set_written`].
pub fn set_mtime(file: impl AsFd, mtime: Timestamp) -> Result<()> {
    rustix::fs::futimens(file, &times(mtime)).named("futimens")
}

/// The same for `name` in `dir`, which is a symbolic link itself rather than what it leads to.
///
/// # Errors
///
/// As [`set_written`]; ENOENT where there is none. See utimensat(2).
pub fn set_mtime_in(dir: impl AsFd, name: &Path, mtime: Timestamp) -> Result<()> {
    rustix::fs::utimensat(dir, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW).named("utimensat")
}

fn times(mtime: Timestamp) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() },
    }
}
