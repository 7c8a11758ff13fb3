//! A file that is to be read, some time.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Access, Caching, Errno, Stat, Symlinks, locate, open_file, pread, reopen, stat};
use aqueduct_wire::transfer::Identity;

use super::directory::Directory;
use super::opened::Opened;
use crate::{Error, ErrorKind};

/// A regular file as the walk saw it. Not open: tens of thousands may wait.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    directory: Arc<Directory>,
    name: Box<Path>,
    symlinks: Symlinks,
    seen: Stat,
}

impl SourceFile {
    pub(super) fn new(directory: &Arc<Directory>, name: OsString, symlinks: Symlinks, seen: Stat) -> Self {
        Self { directory: Arc::clone(directory), name: PathBuf::from(name).into(), symlinks, seen }
    }

    /// Where it is, for a person.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.seen.size
    }

    /// As it was seen.
    pub(crate) fn stat(&self) -> &Stat {
        &self.seen
    }

    /// What it was when it was seen.
    pub(crate) fn identity(&self) -> Identity {
        identity(&self.seen)
    }

    /// Opens it for reading.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Changed`] if it is gone, or another file or other bytes have its name; [`ErrorKind::Source`] if it may
    /// not be read.
    pub(crate) fn open(&self) -> Result<Opened, Error> {
        let file = self.open_unchecked()?;
        let found = stat(&file).map_err(|error| self.unreadable(error))?;
        self.check(&found)?;
        Ok(Opened::new(file, found))
    }

    /// Appends all of it to `buffer`, in as few calls as there can be: for files of up to some hundred KiB.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), or if it changed while it was read; [`ErrorKind::Source`], too, for a file whose size is
    /// not the number of its bytes. `buffer` is as it was then.
    pub(crate) fn read_small(&self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let before = buffer.len();
        let appended = self.append(buffer);
        if appended.is_err() {
            buffer.truncate(before);
        }
        appended
    }

    fn append(&self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let file = self.open_unchecked()?;
        let begin = buffer.len();
        let size = usize::try_from(self.seen.size).map_err(|_| self.changed("it is too large"))?;
        // One byte more than there is, where there is one, shows that it is no file whose size says what is in it. Whether it
        // has grown is told by its size.
        buffer.resize(begin + size + 1, 0);
        let read = read_at_most(&file, &mut buffer[begin..], size.max(1));
        // First whether it is the file at all: what is no file is not read in another way.
        self.check(&stat(&file).map_err(|error| self.unreadable(error))?)?;
        let len = read.map_err(|error| self.unreadable(error))?;
        if len != size {
            let what = format!(
                "{} has not as many bytes as its size says, as files of /proc have: send them with `aqueduct send -`",
                self.path().display()
            );
            return Err(Error::new(ErrorKind::Source, what));
        }
        buffer.truncate(begin + size);
        Ok(())
    }

    fn open_unchecked(&self) -> Result<File, Error> {
        let opened = self.directory.descriptor().and_then(|directory| match self.symlinks {
            Symlinks::Keep => uninterrupted(|| open_file(&*directory, &self.name, Access::Read)),
            Symlinks::Follow => self.open_followed(&*directory),
        });
        match opened {
            Ok(file) => Ok(file.into()),
            Err(error) => Err(match error.errno() {
                Errno::NOENT => self.changed("it is gone"),
                // A link in its place; a directory that is none any more.
                Errno::LOOP | Errno::NOTDIR | Errno::STALE | Errno::NXIO => {
                    self.changed("something else has its name")
                }
                _ => self.unreadable(error),
            }),
        }
    }

    /// What the link leads to may be another thing by now, even a device that is woken by being opened: so it is looked
    /// at first.
    fn open_followed(&self, directory: impl AsFd) -> aqueduct_sys::Result<OwnedFd> {
        let found = uninterrupted(|| locate(&directory, &self.name, Symlinks::Follow))?;
        if identity(&stat(&found)?) != self.identity() {
            return Err(aqueduct_sys::Error::new("openat(O_PATH)", Errno::STALE));
        }
        uninterrupted(|| reopen(&found, Caching::Cached))
    }

    fn check(&self, found: &Stat) -> Result<(), Error> {
        if !self.seen.same_file(found) {
            return Err(self.changed("another file has its name"));
        }
        if !is_same(&self.seen, found) {
            return Err(self.changed("its size or its times are others"));
        }
        Ok(())
    }

    fn changed(&self, how: &str) -> Error {
        let path = self.path();
        Error::new(ErrorKind::Changed, format!("{} has changed since it was found: {how}", path.display()))
    }

    fn unreadable(&self, error: aqueduct_sys::Error) -> Error {
        Error::source_file(format!("cannot read {}", self.path().display()), error.into())
    }
}

/// Reads from the start until `enough` is there, at most until `buffer` is full, or the file ends.
fn read_at_most(file: &File, buffer: &mut [u8], enough: usize) -> aqueduct_sys::Result<usize> {
    let mut len = 0;
    while len < enough {
        match uninterrupted(|| pread(file, &mut buffer[len..], len as u64))? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

/// Whether a file that looks like `one` and one that looks like `other` are the same file with the same bytes.
pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    let parts = |seen: &Stat| (seen.device, seen.inode, seen.size, seen.mtime, seen.ctime);
    parts(one) == parts(other)
}

/// What is compared by [`is_same`], as one value.
pub(super) fn identity(seen: &Stat) -> Identity {
    static CONTEXT: LazyLock<blake3::Hasher> =
        LazyLock::new(|| blake3::Hasher::new_derive_key("aqueduct transfer 1: identity of a file"));
    let mut hasher = CONTEXT.clone();
    let Stat { device, inode, size, mtime, ctime, .. } = seen;
    for number in [*device, *inode, *size] {
        hasher.update(&number.to_le_bytes());
    }
    for time in [mtime, ctime] {
        hasher.update(&time.seconds.to_le_bytes());
        hasher.update(&time.nanoseconds.to_le_bytes());
    }
    Identity(*hasher.finalize().as_bytes().first_chunk().expect("a hash is longer"))
}
