//! fsetxattr(2).

use std::os::fd::AsFd;

use rustix::fs::XattrFlags;

use crate::Result;
use crate::error::Named;

/// Gives `file` the extended attribute `name`, with its namespace: `user.` and so on. Replaces one of that name.
///
/// # Errors
///
/// EOPNOTSUPP where the filesystem has none of that namespace; EPERM; ENOSPC and E2BIG for too much. See fsetxattr(2).
pub fn set_xattr(file: impl AsFd, name: &[u8], value: &[u8]) -> Result<()> {
    rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()).named("fsetxattr")
}
