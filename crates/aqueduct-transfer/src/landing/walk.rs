//! Walking what was staged.

use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use aqueduct_sys::{
    Errno, FileType, Result, Stat, Symlinks, getdents, remove_directory, remove_file, set_mode, set_mode_in,
    stat_at,
};

use super::journal::Place;
use super::tree::{open_directory, place_in};

/// Every name in `dir`, in no order. `dir` was not read before.
pub(super) fn names(dir: impl AsFd) -> Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    let mut buffer = [MaybeUninit::uninit(); NAMES_LEN];
    while getdents(&dir, &mut buffer, |name: &CStr| {
        let name = name.to_bytes();
        if name != b"." && name != b".." {
            names.push(PathBuf::from(OsStr::from_bytes(name)));
        }
    })? {}
    Ok(names)
}

/// Opens the directory `name` in `dir`, which is ours, so that names in it can be read and changed, whatever its mode was.
pub(super) fn open_ours(dir: impl AsFd, name: &Path) -> Result<OwnedFd> {
    let opened = match open_directory(&dir, name) {
        Err(error) if error.errno() == Errno::ACCESS => {
            set_mode_in(&dir, name, 0o700)?;
            open_directory(&dir, name)?
        }
        opened => opened?,
    };
    set_mode(&opened, 0o700)?;
    Ok(opened)
}

/// Removes `name` in `dir`, with everything in it. What is not there is no error.
pub(super) fn remove(dir: impl AsFd, name: &Path) -> Result<()> {
    match remove_file(&dir, name) {
        Err(error) if error.errno() == Errno::NOENT => return Ok(()),
        // Linux says the former, POSIX the latter.
        Err(error) if matches!(error.errno(), Errno::ISDIR | Errno::PERM) => {}
        removed => return removed,
    }
    let opened = open_ours(&dir, name)?;
    for name in names(&opened)? {
        remove(&opened, &name)?;
    }
    remove_directory(dir, name)
}

/// Removes `name` in `dir`, which is at `place`, and what is below it, where it is not to be kept. A directory is not asked about
/// once something in it is gone, but before.
pub(super) fn sweep(
    dir: impl AsFd,
    name: &Path,
    place: Place,
    keep: &mut impl FnMut(Place, &Stat) -> bool,
) -> Result<()> {
    let found = stat_at(&dir, name, Symlinks::Keep)?;
    if !keep(place, &found) {
        return remove(&dir, name);
    }
    if found.file_type() == FileType::Directory {
        let opened = open_ours(&dir, name)?;
        for name in names(&opened)? {
            let place = place_in(&place, name.as_os_str().as_bytes());
            sweep(&opened, &name, place, keep)?;
        }
    }
    Ok(())
}

/// Some thousand names.
const NAMES_LEN: usize = 32 << 10;
