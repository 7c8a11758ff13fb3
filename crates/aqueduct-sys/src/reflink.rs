//! ioctl_ficlone(2).

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Makes `target` share all blocks of `source`, replacing whatever it had: a copy that copies nothing, until either
/// is written.
///
/// # Errors
///
/// EOPNOTSUPP or ENOTTY where the filesystem cannot share blocks, EXDEV across filesystems, EINVAL for files that cannot
/// share with one another, EBADF if `target` is in append mode. See ioctl_ficlone(2).
pub fn reflink(source: impl AsFd, target: impl AsFd) -> Result<()> {
    rustix::fs::ioctl_ficlone(target, source).named("ioctl(FICLONE)")
}
