//! openat(2) with O_EXCL, mkdirat(2), symlinkat(2) and linkat(2): what makes a new name, and never replaces.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::error::{Error, Named, Result};
use crate::{Errno, Placed};

/// Makes the file `name` in `dir`, and opens it for reading and writing. `None` where something has the name, be it a
/// symbolic link that leads nowhere. `mode` is narrowed by the umask.
///
/// # Errors
///
/// ENOSPC, EDQUOT, EACCES and their like. See openat(2).
pub fn create_file(dir: impl AsFd, name: &Path, mode: u32) -> Result<Option<OwnedFd>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(mode)) {
        Err(Errno::EXIST) => Ok(None),
        opened => opened.map(Some).named("openat"),
    }
}

/// Makes the directory `name` in `dir`. `mode` is narrowed by the umask.
///
/// # Errors
///
/// As [`create_file`]. See mkdirat(2).
pub fn make_directory(dir: impl AsFd, name: &Path, mode: u32) -> Result<Placed> {
    placed(rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(mode)), "mkdirat")
}

/// Makes the symbolic link `name` in `dir`, which says `target`: not empty, and whatever else.
///
/// # Errors
///
/// As [`create_file`]; EPERM where the filesystem has none. See symlinkat(2).
pub fn make_symlink(target: &Path, dir: impl AsFd, name: &Path) -> Result<Placed> {
    placed(rustix::fs::symlinkat(target, dir, name), "symlinkat")
}

/// Gives the file `old_name` in `old_dir` another name. A symbolic link is not followed, but gets the name itself.
///
/// # Errors
///
/// ENOENT without an old name, EXDEV across mounts, EMLINK, EPERM where the filesystem has no such links. See linkat(2).
pub fn make_link(old_dir: impl AsFd, old_name: &Path, new_dir: impl AsFd, new_name: &Path) -> Result<Placed> {
    placed(rustix::fs::linkat(old_dir, old_name, new_dir, new_name, AtFlags::empty()), "linkat")
}

fn placed(made: rustix::io::Result<()>, call: &'static str) -> Result<Placed> {
    match made {
        Ok(()) => Ok(Placed::New),
        Err(Errno::EXIST) => Ok(Placed::NameTaken),
        Err(errno) => Err(Error::new(call, errno)),
    }
}
