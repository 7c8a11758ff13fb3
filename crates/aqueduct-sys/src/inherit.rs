//! fcntl(2), for `F_DUPFD` and `FD_CLOEXEC`.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::Result;
use crate::error::Named;

/// Another descriptor of an open file, with the lowest number from `number_min` on that is free, which a program that
/// this process becomes has open, too.
///
/// Until it is closed, so has every program that this process starts.
///
/// # Errors
///
/// EINVAL where `number_min` is beyond the limit on descriptors, and EMFILE where none is free. See fcntl(2).
pub fn inheritable(file: impl AsFd, number_min: i32) -> Result<OwnedFd> {
    let duplicate = fcntl_dupfd_cloexec(file, number_min).named("fcntl(F_DUPFD_CLOEXEC)")?;
    fcntl_setfd(&duplicate, FdFlags::empty()).named("fcntl(F_SETFD)")?;
    Ok(duplicate)
}
