//! ioctl(2), for `FIONREAD`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Bytes that have arrived at a socket or pipe, and that nobody has read. See `SIOCINQ` in tcp(7).
///
/// # Errors
///
/// EINVAL for a socket that listens.
pub fn unread_len(fd: impl AsFd) -> Result<u64> {
    rustix::io::ioctl_fionread(fd).named("ioctl(FIONREAD)")
}
