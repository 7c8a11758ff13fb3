//! The place where everything will appear.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use aqueduct_sys::{Errno, FileType, Symlinks, open_directory, stat_at};
use aqueduct_wire::transfer::Offer;

use super::publish::{At, exists, stat_if_any};
use crate::{Error, ErrorKind, Where};

/// A directory, and under which name something appears in it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) dir: OwnedFd,
    pub(super) path: PathBuf,
    /// The name of the only entry, where it is to have another one.
    name: Option<OsString>,
}

impl Target {
    /// Finds the directory that `to` means for what is offered. One that is named as a directory is made, if only it itself
    /// is missing.
    pub(super) fn find(to: &Where, offer: &Offer) -> Result<Self, Error> {
        match to {
            Where::Directory(directory) => Self::in_directory(directory),
            Where::Path(path) if path.is_dir() => Self::in_directory(path),
            Where::Path(path) => {
                if offer.names.len() > 1 {
                    let count = offer.names.len();
                    let what = format!("{path:?} is one name, and {count} entries come: name a directory");
                    return Err(Error::new(ErrorKind::Usage, what));
                }
                let Some(name) = path.file_name() else {
                    let what = format!("{path:?} is no name for what comes: name a file or a directory");
                    return Err(Error::new(ErrorKind::Usage, what));
                };
                let parent = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                Ok(Self { dir: open(parent)?, path: parent.to_owned(), name: Some(name.to_owned()) })
            }
            Where::Stdout => Err(Error::new(ErrorKind::Usage, "standard output is no directory")),
        }
    }

    fn in_directory(directory: &Path) -> Result<Self, Error> {
        match DirBuilder::new().create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::disk(format!("cannot make the directory {directory:?}"), error))
            }
            _ => Ok(Self { dir: open(directory)?, path: directory.to_owned(), name: None }),
        }
    }

    /// Under which name the entry appears that is called `name` at the sender's.
    pub(super) fn name_of(&self, name: &[u8]) -> OsString {
        self.name.clone().unwrap_or_else(|| OsStr::from_bytes(name).to_owned())
    }

    /// Fails if something is there already, before anything comes in vain. A single file of the size that is offered may be
    /// the same, which shows when it is here.
    pub(super) fn refuse_existing(&self, offer: &Offer) -> Result<(), Error> {
        for name in &offer.names {
            let name = self.name_of(name);
            let path = self.path.join(&name);
            let found = stat_if_any(At { dir: &self.dir, name: Path::new(&name) })
                .map_err(|error| Error::disk(format!("cannot look at {path:?}"), error.into()))?;
            let Some(found) = found else { continue };
            let may_be_same = found.file_type() == FileType::RegularFile
                && offer.names.len() == 1
                && offer.file_count == Some(1)
                && offer.size == Some(found.size);
            if !may_be_same {
                return Err(exists(&path));
            }
        }
        Ok(())
    }

    /// Whether something other than a directory has the name `relative`, which begins with a name at the sender's: or one of
    /// the directories on the way there is none.
    pub(super) fn has(&self, relative: &Path) -> bool {
        let mut names = relative.iter();
        let Some(first) = names.next() else { return false };
        let here = Path::new(&self.name_of(first.as_bytes())).join(names.as_path());
        match stat_at(&self.dir, &here, Symlinks::Keep) {
            Ok(_) => true,
            Err(error) => error.errno() == Errno::NOTDIR,
        }
    }
}

fn open(directory: &Path) -> Result<OwnedFd, Error> {
    open_directory(directory)
        .map_err(|error| Error::disk(format!("cannot open the directory {directory:?}"), error.into()))
}
