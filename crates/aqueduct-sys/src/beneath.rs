//! openat2(2) of a directory in a directory.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::Result;
use crate::error::Named;

/// Opens the directory `path` beneath `dir`, whatever somebody puts in its way: no symbolic link is followed, no mount is
/// entered, and `..` leads nowhere.
///
/// # Errors
///
/// ENOTDIR for what is no directory, a symbolic link among them; ELOOP for a link on the way; EXDEV for what leads out; ENOSYS before Linux 5.6, EPERM
/// where a filter of system calls does not know it. See openat2(2).
pub fn open_directory_beneath(dir: impl AsFd, path: &Path) -> Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve).named("openat2")
}
