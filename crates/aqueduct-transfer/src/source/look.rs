//! One thing of what was named, found by its path: for whoever asks for it, and not for all.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{
    Access, CWD, Errno, FileType, Stat, Symlinks, locate, open_directory_at, open_file, stat, stat_at,
};
use aqueduct_wire::transfer::Identity;

use super::exclude::Exclude;
use super::file::identity;
use super::opened::Opened;
use super::roots::{self, Root};
use super::walk::names_in;
use crate::{Error, ErrorKind};

/// What was named, to be looked into. Each look finds what is there at that moment; no symbolic link is followed but one that
/// was named itself.
#[derive(Debug)]
pub(crate) struct Look {
    roots: Vec<Root>,
    exclude: Exclude,
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A file.
    File {
        /// To read from.
        opened: Opened,
        /// What it was when it was opened.
        identity: Identity,
        /// When its content was last changed.
        stat: Stat,
    },
    /// A directory, and what is in it in the order of the bytes of names.
    Directory(Vec<Item>),
}

/// What a directory holds.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its name there.
    pub(crate) name: Vec<u8>,
    /// What is known of it.
    pub(crate) stat: Stat,
}

impl Look {
    /// # Errors
    ///
    /// Those of [`Walk::new`](super::Walk::new).
    pub(crate) fn new(paths: &[PathBuf], exclude: &[String]) -> Result<Self, Error> {
        Ok(Self { roots: roots::find(paths)?, exclude: Exclude::new(exclude)? })
    }

    /// Under which names what was named appears.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.roots.iter().map(|root| &root.name[..])
    }

    /// What is at a path whose first name is one of what was named; with no name, all of these. `None` if nothing is there, or
    /// it is left out, or no file and no directory. No name may be one that is more than a name, such as `..`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Source`] for what is there and cannot be read.
    pub(crate) fn at(&self, names: &[Vec<u8>]) -> Result<Option<Seen>, Error> {
        assert!(names.iter().all(|name| is_name(name)), "a name leads to nothing but what has it");
        match self.find(names) {
            Ok(seen) => Ok(seen),
            Err(error) if is_absence(error.errno()) => Ok(None),
            Err(error) => {
                let path = names.join(&b'/').escape_ascii().to_string();
                Err(Error::new(ErrorKind::Source, format!("cannot read {path}")).because(error))
            }
        }
    }

    fn find(&self, names: &[Vec<u8>]) -> aqueduct_sys::Result<Option<Seen>> {
        let Some((first, below)) = names.split_first() else { return Ok(Some(self.all())) };
        let Some(root) = self.roots.iter().find(|root| root.name == *first) else { return Ok(None) };
        let (Some(above), Some(name)) = (root.path.parent(), root.path.file_name()) else { return Ok(None) };
        let mut directory = uninterrupted(|| locate(CWD, above, Symlinks::Keep))?;
        let mut name = Path::new(name);
        let mut path = Vec::new();
        for next in below {
            directory = uninterrupted(|| locate(&directory, name, Symlinks::Keep))?;
            name = Path::new(OsStr::from_bytes(next));
            path.extend_from_slice(if path.is_empty() { b"" } else { b"/" });
            path.extend_from_slice(next);
            let found = uninterrupted(|| stat_at(&directory, name, Symlinks::Keep))?;
            if self.exclude.matches(&path, found.file_type() == FileType::Directory) {
                return Ok(None);
            }
        }
        let found = uninterrupted(|| stat_at(&directory, name, Symlinks::Keep))?;
        match found.file_type() {
            FileType::Directory => {
                let opened = uninterrupted(|| open_directory_at(&directory, name, Symlinks::Keep))?;
                let mut items = Vec::new();
                for name in names_in(&opened)? {
                    // What is gone since is not there.
                    let Ok(stat) = stat_at(&opened, Path::new(&name), Symlinks::Keep) else { continue };
                    let below =
                        [&path[..], if path.is_empty() { b"" } else { b"/" }, name.as_bytes()].concat();
                    if !self.exclude.matches(&below, stat.file_type() == FileType::Directory) {
                        items.push(Item { name: name.as_bytes().to_vec(), stat });
                    }
                }
                Ok(Some(Seen::Directory(items)))
            }
            FileType::RegularFile => {
                let file: File = uninterrupted(|| open_file(&directory, name, Access::Read))?.into();
                // Another may have its name by now.
                let stat = stat(&file)?;
                let is_file = stat.file_type() == FileType::RegularFile;
                Ok(is_file.then(|| Seen::File {
                    opened: Opened::new(file, stat),
                    identity: identity(&stat),
                    stat,
                }))
            }
            _ => Ok(None),
        }
    }

    /// What was named. What is gone since is not there.
    fn all(&self) -> Seen {
        let item = |root: &Root| {
            let stat = stat_at(CWD, &root.path, Symlinks::Keep).ok()?;
            Some(Item { name: root.name.clone(), stat })
        };
        Seen::Directory(self.roots.iter().filter_map(item).collect())
    }
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| b"/\0".contains(byte))
}

/// Nothing has the name, or nothing that is looked into.
fn is_absence(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO)
}

#[cfg(test)]
mod tests;
