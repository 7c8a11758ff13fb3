//! Where everything is as long as it arrives: next to the place where it will appear, and not of its name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_sys::{
    Access, Errno, FileType, Lock, Placed, Stat, Symlinks, create_file, effective_user, make_directory,
    open_directory_at, open_file, remove_directory, remove_file, set_mode, stat, stat_at, try_lock_exclusive,
};
use aqueduct_wire::transfer::Offer;

use super::journal::Place;
use super::tree::place_in;
use super::walk;
use crate::{Error, ErrorKind};

/// What is staged of one transfer, and its journal: nobody else uses either as long as the latter is locked. Dropped before it is
/// [removed](Self::remove), it stays, if anything has arrived that somebody can go on with.
#[derive(Debug)]
pub(super) struct Staging {
    /// For messages: of what is in the directory where everything will appear.
    pub(super) path: PathBuf,
    /// Where everything will appear.
    out: OwnedFd,
    /// The directory in `out` that only this user may enter, where there is one.
    own: Option<OsString>,
    /// The directory that the journal and the part are in: that one, or `out` itself.
    home: OwnedFd,
    journal: OsString,
    /// The directory in which the names at the top are, or the only file that is offered.
    part: OsString,
    /// What that file is called.
    only: Option<Vec<u8>>,
    /// Whether nobody can go on with it: a stream, which is sent once.
    is_once: bool,
    is_removed: AtomicBool,
    /// The lock is of the open file.
    _locked: File,
}

/// The directory in which the names at the top are staged.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) dir: Arc<OwnedFd>,
    /// The only one of these names, and the one that it has here.
    only: Option<(Vec<u8>, PathBuf)>,
}

impl Staging {
    /// Opens or makes what is staged of `offer`, which is to appear in `out`, at `path`, and locks it for as long as this and the
    /// file that is returned are open: its journal, empty if it is new.
    pub(super) fn open(
        out: &OwnedFd,
        path: &Path,
        name: &OsStr,
        offer: &Offer,
    ) -> Result<(Self, File), Error> {
        let path = path.join(name);
        let failed = |error: io::Error| Error::disk(format!("cannot make {path:?}"), error);
        let above = stat(out).map_err(|error| failed(error.into()))?;
        // A single file needs no directory of its own where nobody else can put anything beside it: that would be two more to make
        // and to remove, and where freed blocks are discarded, two more waits for the disk.
        let is_private = above.user == effective_user() && above.mode & 0o022 == 0;
        let is_file = offer.file_count == Some(1) && offer.size.is_some();
        // Whoever is at work in a directory of that name has its lock there.
        let is_directory =
            type_of(out, Path::new(name)).map_err(|error| failed(error.into()))? == Some(FileType::Directory);
        let only = match &offer.names[..] {
            [only] if is_private && is_file && !is_directory => Some(only.clone()),
            _ => None,
        };
        let (journal, part) = match only {
            Some(_) => (journal_of(name), name.to_owned()),
            None => (JOURNAL.into(), TREE.into()),
        };
        for _ in 0..OPEN_ATTEMPT_COUNT_MAX {
            let home = match only {
                Some(_) => Some(out.try_clone().map_err(failed)?),
                None => own_directory(out, &above, name, &path)?,
            };
            // Whoever had it may just have finished, and removed it.
            let Some(home) = home else { continue };
            let Some(file) = open_journal(&home, &above, &journal, &path)? else { continue };
            let staging = Self {
                out: out.try_clone().map_err(failed)?,
                own: only.is_none().then(|| name.to_owned()),
                home,
                journal,
                part,
                only,
                is_once: offer.is_stream(),
                is_removed: AtomicBool::new(false),
                _locked: file.try_clone().map_err(failed)?,
                path,
            };
            return Ok((staging, file));
        }
        Err(Error::new(ErrorKind::Local, format!("{path:?} comes and goes: others receive the same, too")))
    }

    /// Whether the only file that is offered is staged, and nothing else can be.
    pub(super) fn is_file(&self) -> bool {
        self.only.is_some()
    }

    /// The directory that the names at the top are made in, opened anew.
    pub(super) fn stage(&self) -> Result<Stage, Error> {
        let failed = |error: io::Error| Error::disk(format!("cannot make {:?}", self.path), error);
        let part = Path::new(&self.part);
        if let Some(only) = &self.only {
            let dir = Arc::new(self.home.try_clone().map_err(failed)?);
            return Ok(Stage { dir, only: Some((only.clone(), part.to_owned())) });
        }
        let open = || {
            let _made_or_there = make_directory(&self.home, part, 0o700)?;
            open_directory_at(&self.home, part, Symlinks::Keep)
        };
        let dir = open().map_err(|error: aqueduct_sys::Error| failed(error.into()))?;
        Ok(Stage { dir: Arc::new(dir), only: None })
    }

    /// Throws away what arrived.
    pub(super) fn clear(&self) -> io::Result<()> {
        let part = Path::new(&self.part);
        match &self.only {
            Some(_) => Ok(remove_if_file(&self.home, part)?),
            None => Ok(walk::remove(&self.home, part)?),
        }
    }

    /// Removes it. What arrived goes first: a kill leaves a journal that speaks of nothing that is there.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.clear()?;
        self.remove_rest()
    }

    /// Removes it if nothing has arrived.
    fn remove_if_empty(&self) -> io::Result<()> {
        let part = Path::new(&self.part);
        let is_there = match self.only {
            Some(_) => stat_at(&self.home, part, Symlinks::Keep).map(|_| true),
            None => remove_directory(&self.home, part).map(|()| false),
        };
        match is_there {
            Err(error) if error.errno() != Errno::NOENT => Err(error.into()),
            Ok(true) => Ok(()),
            _ => self.remove_rest(),
        }
    }

    fn remove_rest(&self) -> io::Result<()> {
        remove_file(&self.home, Path::new(&self.journal))?;
        // Whoever comes now makes one of the same name, and it is theirs.
        self.is_removed.store(true, Ordering::Relaxed);
        match self.own.as_ref().map(|own| remove_directory(&self.out, Path::new(own))) {
            // Whoever comes next has begun, or was as quick.
            Some(Err(error)) if !matches!(error.errno(), Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_removed.load(Ordering::Relaxed) {
            let _ = if self.is_once { self.remove() } else { self.remove_if_empty() };
        }
    }
}

/// Opens or makes the directory `name` in `out`, which is `above`, that only this user may enter; `None` where it was just removed.
fn own_directory(out: &OwnedFd, above: &Stat, name: &OsStr, path: &Path) -> Result<Option<OwnedFd>, Error> {
    let failed = |error: aqueduct_sys::Error| Error::disk(format!("cannot make {path:?}"), error.into());
    let made = make_directory(out, Path::new(name), 0o700).map_err(failed)?;
    let dir = match open_directory_at(out, Path::new(name), Symlinks::Keep) {
        Ok(dir) => dir,
        Err(error) if error.errno() == Errno::NOENT => return Ok(None),
        Err(error) if error.errno() == Errno::NOTDIR && is_our_file(out, above, Path::new(name)) => {
            remove_alone(out, above, name, path)?;
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    if made == Placed::NameTaken {
        // Whoever can write to the directory above may have made it.
        let found = stat(&dir).map_err(failed)?;
        if !may_be_ours(&found, above) {
            let what = format!("{path:?} is there, and belongs to user {}: remove it", found.user);
            return Err(Error::new(ErrorKind::Local, what));
        }
        if found.mode & 0o077 != 0 && found.user == effective_user() {
            set_mode(&dir, 0o700).map_err(failed)?;
        }
    }
    Ok(Some(dir))
}

/// Removes a file that was staged alone, by whom what is offered now cannot be: it was a file then, or `out` was this user's alone.
fn remove_alone(out: &OwnedFd, above: &Stat, name: &OsStr, path: &Path) -> Result<(), Error> {
    let failed = |error: aqueduct_sys::Error| Error::disk(format!("cannot remove {path:?}"), error.into());
    let journal = journal_of(name);
    let Some(_locked) = open_journal(out, above, &journal, path)? else { return Ok(()) };
    remove_if_file(out, Path::new(name)).map_err(failed)?;
    remove_file(out, Path::new(&journal)).map_err(failed)
}

/// Whether `name` in `out`, which is `above`, is a file that this user may have left.
fn is_our_file(out: &OwnedFd, above: &Stat, name: &Path) -> bool {
    stat_at(out, name, Symlinks::Keep)
        .is_ok_and(|found| found.file_type() == FileType::RegularFile && may_be_ours(&found, above))
}

/// Whether what was `found` belongs to this user, or to the owner of the directory `above` it: he can do what he likes there
/// anyway, and is whose all files are on a filesystem that knows no owners.
fn may_be_ours(found: &Stat, above: &Stat) -> bool {
    [effective_user(), above.user].contains(&found.user)
}

/// Removes `name` in `dir`, unless it is a directory. What is not there is no error.
fn remove_if_file(dir: &OwnedFd, name: &Path) -> aqueduct_sys::Result<()> {
    match remove_file(dir, name) {
        // Linux says the second, POSIX the last.
        Err(error) if matches!(error.errno(), Errno::NOENT | Errno::ISDIR | Errno::PERM) => Ok(()),
        removed => removed,
    }
}

/// What `name` in `dir` is, if anything is there.
fn type_of(dir: &OwnedFd, name: &Path) -> aqueduct_sys::Result<Option<FileType>> {
    match stat_at(dir, name, Symlinks::Keep) {
        Ok(found) => Ok(Some(found.file_type())),
        Err(error) if error.errno() == Errno::NOENT => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens or makes the journal `name` in `home`, and locks it; `None` where it was just removed. `above` is where everything will
/// appear.
fn open_journal(home: &OwnedFd, above: &Stat, name: &OsStr, path: &Path) -> Result<Option<File>, Error> {
    let failed = |error: aqueduct_sys::Error| Error::disk(format!("cannot make {path:?}"), error.into());
    let opened = match create_file(home, Path::new(name), 0o600) {
        Ok(Some(journal)) => Ok((journal, true)),
        Ok(None) => open_file(home, Path::new(name), Access::ReadWrite).map(|journal| (journal, false)),
        Err(error) => Err(error),
    };
    let (journal, is_new) = match opened {
        Ok(opened) => opened,
        Err(error) if error.errno() == Errno::NOENT => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // It is written over: it may be what somebody put there when he could.
    let found = stat(&journal).map_err(failed)?;
    let is_ours =
        found.file_type() == FileType::RegularFile && found.link_count <= 1 && may_be_ours(&found, above);
    if !is_new && !is_ours {
        let what = format!("the journal {name:?} of {path:?} is none of this user's own: remove it");
        return Err(Error::new(ErrorKind::Local, what));
    }
    if try_lock_exclusive(&journal).map_err(failed)? == Lock::Taken {
        let what = format!("another process receives the same into {path:?}: wait for it, or end it");
        return Err(Error::new(ErrorKind::Local, what));
    }
    let is_there = stat(&journal).map_err(failed)?.link_count > 0;
    Ok(is_there.then(|| journal.into()))
}

impl Stage {
    /// What the entry `name` at the top is called here.
    pub(super) fn staged<'a>(&'a self, name: &'a [u8]) -> &'a Path {
        self.only.as_ref().map_or(Path::new(OsStr::from_bytes(name)), |(_, staged)| staged)
    }

    /// What is staged, and the place of each.
    pub(super) fn places(&self) -> aqueduct_sys::Result<Vec<(PathBuf, Place)>> {
        let place = |name: &[u8]| place_in(&Place::default(), name);
        match &self.only {
            None => {
                let names = walk::names(&self.dir)?;
                let with_place = |name: PathBuf| {
                    let place = place(name.as_os_str().as_bytes());
                    (name, place)
                };
                Ok(names.into_iter().map(with_place).collect())
            }
            Some((name, staged)) => match stat_at(&self.dir, staged, Symlinks::Keep) {
                Ok(_) => Ok(vec![(staged.clone(), place(name))]),
                Err(error) if error.errno() == Errno::NOENT => Ok(Vec::new()),
                Err(error) => Err(error),
            },
        }
    }
}

/// What the journal of a file is called that is staged alone.
pub(super) fn journal_of(part: &OsStr) -> OsString {
    let mut name = part.to_owned();
    name.push(".journal");
    name
}

/// What is staged of `offer` is called so.
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
