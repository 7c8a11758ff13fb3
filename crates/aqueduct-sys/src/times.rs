//! futimens(2).

use std::os::fd::AsFd;

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};

use crate::Result;
use crate::error::Named;

/// Sets when `file` was last written, in whole seconds since 1970, and with that makes the moment of this call the one at
/// which it was last changed. Needs no right to write to it, only that it belongs to the caller. See futimens(3).
///
/// # Errors
///
/// EPERM where the file is somebody else's; EROFS.
pub fn set_written(file: impl AsFd, seconds: i64) -> Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 },
    };
    rustix::fs::futimens(file, &times).named("futimens")
}
