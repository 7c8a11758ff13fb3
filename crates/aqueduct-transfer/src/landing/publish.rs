//! What has arrived gets its place.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use aqueduct_sys::{
    Access, Errno, FileType, Placed, Stat, Symlinks, create_file, fsync, make_directory, open_file,
    remove_directory, remove_file, rename_noreplace, rename_over, set_mode, set_mode_in, set_mtime,
    set_owner, stat_at,
};
use aqueduct_wire::transfer::limits::NAME_LEN_MAX;

use super::tree::open_directory;
use super::walk;
use crate::{Error, ErrorKind, Existing, Preserve};

/// Moves what has arrived to where it belongs, and never looks before: the kernel says that a name is taken.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) existing: Existing,
    pub(super) preserve: Preserve,
    /// Whether directories that were there and were changed are synced.
    pub(super) is_synced: bool,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) dir: &'a OwnedFd,
    pub(super) name: &'a Path,
}

impl Publisher {
    /// Moves `from` to `to`, which is at `path`, as is to be done where something is there; returns the path that it has then.
    /// What is left in `from` was not wanted.
    pub(super) fn place(&self, from: At<'_>, to: At<'_>, path: &Path) -> Result<PathBuf, Error> {
        let failed = |error: aqueduct_sys::Error| Error::disk(format!("cannot make {path:?}"), error.into());
        for _ in 0..RACE_COUNT_MAX {
            if rename(from, to).map_err(failed)? == Placed::New {
                return Ok(path.to_owned());
            }
            let Some(there) = stat_if_any(to).map_err(failed)? else { continue };
            let new = stat_at(from.dir, from.name, Symlinks::Keep).map_err(failed)?;
            match self.existing {
                Existing::Refuse => return self.refuse(from, to, path, &new, &there),
                Existing::KeepBoth => return self.place_beside(from, to, path, &new),
                Existing::Replace | Existing::Skip if is_directory(&new) && is_directory(&there) => {
                    self.merge(from, to, path, &new)?;
                    return Ok(path.to_owned());
                }
                Existing::Skip => return Ok(path.to_owned()),
                Existing::Replace => {
                    if replace(from, to, path, &new, &there)? {
                        return Ok(path.to_owned());
                    }
                }
            }
        }
        Err(Error::new(ErrorKind::Exists, format!("{path:?} comes and goes: somebody else writes to it")))
    }

    fn refuse(
        &self,
        from: At<'_>,
        to: At<'_>,
        path: &Path,
        new: &Stat,
        there: &Stat,
    ) -> Result<PathBuf, Error> {
        let are_files = [new, there].iter().all(|stat| stat.file_type() == FileType::RegularFile);
        let is_same = are_files
            && new.size == there.size
            && have_same_bytes(from, to)
                .map_err(|error| Error::disk(format!("cannot compare {path:?}"), error))?;
        if is_same { Ok(path.to_owned()) } else { Err(exists(path)) }
    }

    fn place_beside(&self, from: At<'_>, to: At<'_>, path: &Path, new: &Stat) -> Result<PathBuf, Error> {
        for number in 1..=BESIDE_COUNT_MAX {
            let name = PathBuf::from(beside(to.name.as_os_str(), number, is_directory(new)));
            let path = path.with_file_name(&name);
            let placed = rename(from, At { name: &name, ..to });
            match placed.map_err(|error| Error::disk(format!("cannot make {path:?}"), error.into()))? {
                Placed::New => return Ok(path),
                Placed::NameTaken => {}
            }
        }
        let what = format!("{path:?} is there already, and {BESIDE_COUNT_MAX} others beside it");
        Err(Error::new(ErrorKind::Exists, what))
    }

    /// Moves what is in the directory `from`, which was `new`, into `to`, one by one. The directory stays that was there.
    fn merge(&self, from: At<'_>, to: At<'_>, path: &Path, new: &Stat) -> Result<(), Error> {
        let failed =
            |error: aqueduct_sys::Error| Error::disk(format!("cannot write to {path:?}"), error.into());
        let source = walk::open_ours(from.dir, from.name).map_err(failed)?;
        let target = open_directory(to.dir, to.name).map_err(failed)?;
        for name in walk::names(&source).map_err(failed)? {
            let (from, to) = (At { dir: &source, name: &name }, At { dir: &target, name: &name });
            self.place(from, to, &path.join(&name))?;
        }
        if self.existing == Existing::Replace {
            self.keep(&target, new).map_err(failed)?;
        }
        if self.is_synced { fsync(&target).map_err(failed) } else { Ok(()) }
    }

    /// Gives a directory that was there what is kept of the one that arrived.
    fn keep(&self, target: &OwnedFd, new: &Stat) -> aqueduct_sys::Result<()> {
        if self.preserve.owner {
            set_owner(target, new.user, new.group)?;
        }
        if self.preserve.mode {
            set_mode(target, u32::from(new.mode) & 0o7777)?;
        }
        if self.preserve.mtime { set_mtime(target, new.mtime) } else { Ok(()) }
    }
}

/// Moves `from` to `to` unless that name is taken.
fn rename(from: At<'_>, to: At<'_>) -> aqueduct_sys::Result<Placed> {
    match try_rename(from, to) {
        // Whoever is not root may not move a directory that it may not write to: `..` in it changes.
        Err(error) if error.errno() == Errno::ACCESS => {
            let found = stat_at(from.dir, from.name, Symlinks::Keep)?;
            let mode = u32::from(found.mode) & 0o7777;
            if !is_directory(&found) || mode & 0o700 == 0o700 {
                return Err(error);
            }
            set_mode_in(from.dir, from.name, mode | 0o700)?;
            let placed = try_rename(from, to);
            let At { dir, name } = if placed == Ok(Placed::New) { to } else { from };
            set_mode_in(dir, name, mode)?;
            placed
        }
        renamed => renamed,
    }
}

fn try_rename(from: At<'_>, to: At<'_>) -> aqueduct_sys::Result<Placed> {
    match rename_noreplace(from.dir, from.name, to.dir, to.name) {
        Err(error) if error.errno() == Errno::INVAL => rename_over_own(from, to),
        renamed => renamed,
    }
}

/// The same on a filesystem that knows no `RENAME_NOREPLACE`: takes the name first, with something empty. Whoever looks in
/// that moment sees that, and a kill leaves it.
fn rename_over_own(from: At<'_>, to: At<'_>) -> aqueduct_sys::Result<Placed> {
    let is_free = if is_directory(&stat_at(from.dir, from.name, Symlinks::Keep)?) {
        make_directory(to.dir, to.name, 0o700)? == Placed::New
    } else {
        create_file(to.dir, to.name, 0o600)?.is_some()
    };
    if !is_free {
        return Ok(Placed::NameTaken);
    }
    rename_over(from.dir, from.name, to.dir, to.name)?;
    Ok(Placed::New)
}

/// Puts `from` in the place of what is `there` in `to`, where one of them at least is no directory. False where it has to be
/// tried again.
fn replace(from: At<'_>, to: At<'_>, path: &Path, new: &Stat, there: &Stat) -> Result<bool, Error> {
    let replaced = match (is_directory(new), is_directory(there)) {
        (false, false) => rename_over(from.dir, from.name, to.dir, to.name).map(|()| true),
        (true, _) => remove_file(to.dir, to.name).map(|()| false),
        (false, true) => remove_directory(to.dir, to.name).map(|()| false),
    };
    replaced.or_else(|error| match error.errno() {
        Errno::NOENT => Ok(false),
        Errno::NOTEMPTY | Errno::EXIST => {
            let what = format!("{path:?} is a directory that is not empty, and a file is to be there");
            Err(Error::new(ErrorKind::Exists, format!("{what}: move it away first")))
        }
        _ => Err(Error::disk(format!("cannot replace {path:?}"), error.into())),
    })
}

/// That `path` is there. Whoever prints it knows what can be done.
pub(super) fn exists(path: &Path) -> Error {
    Error::new(ErrorKind::Exists, format!("{path:?} is there already"))
}

/// What is at `at`; `None` where nothing is.
pub(super) fn stat_if_any(at: At<'_>) -> aqueduct_sys::Result<Option<Stat>> {
    match stat_at(at.dir, at.name, Symlinks::Keep) {
        Err(error) if error.errno() == Errno::NOENT => Ok(None),
        found => found.map(Some),
    }
}

fn is_directory(stat: &Stat) -> bool {
    stat.file_type() == FileType::Directory
}

/// Whether two files of the same size are the same, byte by byte.
fn have_same_bytes(one: At<'_>, other: At<'_>) -> io::Result<bool> {
    let open = |at: At<'_>| open_file(at.dir, at.name, Access::Read).map(File::from);
    let (one, other) = (open(one)?, open(other)?);
    let (mut left, mut right) = (vec![0; COMPARE_LEN], vec![0; COMPARE_LEN]);
    let mut offset = 0;
    loop {
        let count = one.read_at(&mut left, offset)?;
        match other.read_exact_at(&mut right[..count], offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if left[..count] != right[..count] {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        offset += count as u64;
    }
}

/// `name-1.txt` for `name.txt`, and `name-1` for a directory.
fn beside(name: &OsStr, number: u32, is_directory: bool) -> OsString {
    let name = name.as_bytes();
    let end = if is_directory { name.len() } else { stem_len(name) };
    let (stem, ending) = name.split_at(end);
    let number = format!("-{number}");
    let stem = &stem[..stem.len().min(NAME_LEN_MAX.saturating_sub(number.len() + ending.len()))];
    OsString::from_vec([stem, number.as_bytes(), ending].concat())
}

/// Where the ending of a file's name begins, which says what kind of file it is: `.gz`, and `.tar.gz`.
fn stem_len(name: &[u8]) -> usize {
    let dot = |name: &[u8]| name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let Some(last) = dot(name).filter(|dot| name.len() - dot <= ENDING_LEN_MAX) else { return name.len() };
    match dot(&name[..last]) {
        Some(before) if &name[before..last] == b".tar" => before,
        _ => last,
    }
}

/// How often somebody may take a name away, or give it, in between.
const RACE_COUNT_MAX: u32 = 100;

/// A directory that holds more is looked through for long.
const BESIDE_COUNT_MAX: u32 = 10_000;

/// With its dot. What is longer is part of the name.
const ENDING_LEN_MAX: usize = 16;

const COMPARE_LEN: usize = 256 << 10;

#[cfg(test)]
mod tests;
