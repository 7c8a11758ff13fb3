//! The directory in which everything arrives: next to the place where it will appear, and not of its name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use aqueduct_sys::{
    Access, Errno, Lock, Placed, Symlinks, create_file, effective_user, make_directory, open_directory_at,
    open_file, remove_directory, remove_file, set_mode, stat, try_lock_exclusive,
};
use aqueduct_wire::transfer::Offer;

use super::walk;
use crate::{Error, ErrorKind};

/// The staging directory of one transfer, which nobody else uses as long as its journal is locked.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) path: PathBuf,
    name: OsString,
    pub(super) dir: OwnedFd,
}

impl Staging {
    /// Opens or makes the staging directory `name` in `out`, which is at `path`, and locks it for as long as the file that
    /// is returned is open: its journal, empty if it is new.
    pub(super) fn open(out: &OwnedFd, path: &Path, name: OsString) -> Result<(Self, File), Error> {
        let path = path.join(&name);
        for _ in 0..OPEN_ATTEMPT_COUNT_MAX {
            match Self::try_open(out, &path, &name) {
                Ok(Some((dir, journal))) => return Ok((Self { path, name, dir }, journal)),
                // Whoever had it has just finished, and removed it.
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Local, format!("{path:?} comes and goes: others receive the same, too")))
    }

    fn try_open(out: &OwnedFd, path: &Path, name: &OsStr) -> Result<Option<(OwnedFd, File)>, Error> {
        let failed = |error: aqueduct_sys::Error| Error::disk(format!("cannot make {path:?}"), error.into());
        let made = make_directory(out, Path::new(name), 0o700).map_err(failed)?;
        let dir = match open_directory_at(out, Path::new(name), Symlinks::Keep) {
            Ok(dir) => dir,
            Err(error) if error.errno() == Errno::NOENT => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if made == Placed::NameTaken {
            // Whoever can write to the directory above may have made it. Its own owner can do what he likes anyway, and is
            // whose all files are on a filesystem that knows no owners.
            let (found, above) = (stat(&dir).map_err(failed)?, stat(out).map_err(failed)?);
            if ![effective_user(), above.user].contains(&found.user) {
                let what = format!("{path:?} is there, and belongs to user {}: remove it", found.user);
                return Err(Error::new(ErrorKind::Local, what));
            }
            if found.mode & 0o077 != 0 && found.user == effective_user() {
                set_mode(&dir, 0o700).map_err(failed)?;
            }
        }
        let opened = match create_file(&dir, JOURNAL.as_ref(), 0o600) {
            Ok(Some(journal)) => Ok(journal),
            Ok(None) => open_file(&dir, JOURNAL.as_ref(), Access::ReadWrite),
            Err(error) => Err(error),
        };
        let journal = match opened {
            Ok(journal) => journal,
            Err(error) if error.errno() == Errno::NOENT => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if try_lock_exclusive(&journal).map_err(failed)? == Lock::Taken {
            let what = format!("another process receives the same into {path:?}: wait for it, or end it");
            return Err(Error::new(ErrorKind::Local, what));
        }
        let is_there = stat(&journal).map_err(failed)?.link_count > 0;
        Ok(is_there.then(|| (dir, journal.into())))
    }

    /// The directory in it that entries are made in.
    pub(super) fn tree(&self) -> Result<OwnedFd, Error> {
        let open = || {
            let _made_or_there = make_directory(&self.dir, TREE.as_ref(), 0o700)?;
            open_directory_at(&self.dir, TREE.as_ref(), Symlinks::Keep)
        };
        open().map_err(|error| Error::disk(format!("cannot make {:?}", self.path.join(TREE)), error.into()))
    }

    /// Throws away what arrived.
    pub(super) fn clear(&self) -> io::Result<()> {
        Ok(walk::remove(&self.dir, TREE.as_ref())?)
    }

    /// Removes it. What arrived goes first: a kill leaves a journal that speaks of nothing that is there.
    pub(super) fn remove(&self, out: &OwnedFd) -> io::Result<()> {
        self.clear()?;
        self.remove_rest(out)
    }

    /// Removes it if nothing has arrived.
    pub(super) fn remove_if_empty(&self, out: &OwnedFd) -> io::Result<()> {
        remove_directory(&self.dir, TREE.as_ref())?;
        self.remove_rest(out)
    }

    fn remove_rest(&self, out: &OwnedFd) -> io::Result<()> {
        remove_file(&self.dir, JOURNAL.as_ref())?;
        remove_directory(out, Path::new(&self.name))?;
        Ok(())
    }
}

/// What the staging directory of `offer` is called.
pub(super) fn name(first: &OsStr, offer: &Offer) -> OsString {
    let mut name = b".aqueduct-".to_vec();
    name.extend(cut(first.as_bytes()));
    name.push(b'-');
    let [a, b, c, d, ..] = offer.transfer;
    name.extend(format!("{:08x}", u32::from_be_bytes([a, b, c, d])).bytes());
    name.extend(b".part");
    OsString::from_vec(name)
}

/// The start of `name`, without half a letter at its end.
fn cut(name: &[u8]) -> &[u8] {
    let mut len = name.len().min(FIRST_LEN_MAX);
    while len > 0 && name.get(len).is_some_and(|byte| byte & 0xc0 == 0x80) {
        len -= 1;
    }
    &name[..len]
}

const JOURNAL: &str = "journal";
const TREE: &str = "tree";

/// Enough to tell whose it is; all of it may have 255.
const FIRST_LEN_MAX: usize = 64;

/// How often another one may finish the same in between.
const OPEN_ATTEMPT_COUNT_MAX: u32 = 10;

#[cfg(test)]
mod tests;
