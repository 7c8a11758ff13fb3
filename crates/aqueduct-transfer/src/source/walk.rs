//! A tree, name by name.

use std::collections::HashMap;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{
    Errno, FileType, Stat, Symlinks, descriptor_limit, getdents, hostname, open_directory_at, read_link,
    stat, stat_at,
};
use aqueduct_wire::transfer::limits::{NAME_LEN_MAX, TARGET_LEN_MAX};
use aqueduct_wire::transfer::{Entry, EntryId, Kind, Meta, Time};

use super::directory::{Descriptors, Directory};
use super::exclude::Exclude;
use super::file::{SourceFile, identity};
use super::roots::{self, Root};
use super::xattrs;
use crate::{Error, ErrorKind, Preserve};

/// Everything that is sent, parents before what is in them, what is in a directory in the order of its bytes.
///
/// Holds the names of the directories between the top and where it is, and no more; with hard links kept, those that have
/// names yet to come.
#[derive(Debug)]
pub(crate) struct Walk {
    roots: vec::IntoIter<Root>,
    names: Vec<Vec<u8>>,
    transfer: [u8; 16],
    preserve: Preserve,
    exclude: Exclude,
    levels: Vec<Level>,
    /// From what was named, without it, to the directory of the last level: each name with a slash behind it.
    path: Vec<u8>,
    last_id: EntryId,
    linked: HashMap<(u64, u64), Linked>,
    xattrs: xattrs::Reader,
    notes: Vec<String>,
    descriptors: Arc<Descriptors>,
}

/// What the walk comes upon.
#[derive(Debug)]
pub(crate) enum Found {
    /// Something to be sent; with the file, if it has bytes.
    Entry { entry: Entry, file: Option<SourceFile> },
    /// Something that cannot be sent, or be read: where it is, and why without saying where.
    Left { path: PathBuf, why: Error },
}

/// A directory whose names are being gone through.
#[derive(Debug)]
struct Level {
    directory: Arc<Directory>,
    id: EntryId,
    names: vec::IntoIter<OsString>,
    /// Of `Walk::path` before it.
    path_len: usize,
}

/// A file with several names.
#[derive(Debug)]
struct Linked {
    first: EntryId,
    /// Names that may yet come.
    left: u32,
}

/// A name that has been looked at.
struct Seen<'a> {
    parent: &'a Arc<Directory>,
    name: OsString,
    symlinks: Symlinks,
    stat: Stat,
}

impl Walk {
    /// Begins to walk `paths`, of which those that are symbolic links are followed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Source`] for a path that is missing, cannot be read, or is neither file nor directory;
    /// [`ErrorKind::Usage`] for two with the same last name, and for patterns that mean nothing.
    pub(crate) fn new(paths: &[PathBuf], preserve: &Preserve, exclude: &[String]) -> Result<Self, Error> {
        let exclude = Exclude::new(exclude)?;
        let roots = roots::find(paths)?;
        Ok(Self {
            names: roots.iter().map(|root| root.name.clone()).collect(),
            transfer: transfer(&roots),
            roots: roots.into_iter(),
            preserve: *preserve,
            exclude,
            levels: Vec::new(),
            path: Vec::new(),
            last_id: EntryId::ROOT,
            linked: HashMap::new(),
            xattrs: xattrs::Reader::default(),
            notes: Vec::new(),
            descriptors: Descriptors::new(directory_count_max()),
        })
    }

    /// The names that appear at the receiver's, in the order of the paths.
    pub(crate) fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// The same for the same paths of the same host, so that an attempt that broke is found again.
    pub(crate) fn transfer(&self) -> [u8; 16] {
        self.transfer
    }

    /// What a person should know of the entries so far, and was not told yet.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn root(&mut self, root: &Root) -> Option<Found> {
        self.path.clear();
        let (Some(above), Some(name)) = (root.path.parent(), root.path.file_name()) else {
            unreachable!("what has no name is refused")
        };
        let found = match Directory::at(above, &self.descriptors) {
            Ok(parent) => self.visit(&parent, EntryId::ROOT, name.to_owned(), Some(&root.name)),
            Err(error) => Err(unreadable(error)),
        };
        found.unwrap_or_else(|why| Some(Found::Left { path: root.path.clone(), why }))
    }

    fn name(&mut self, parent: &Arc<Directory>, parent_id: EntryId, name: OsString) -> Option<Found> {
        let path = name.clone();
        let found = self.visit(parent, parent_id, name, None);
        found.unwrap_or_else(|why| Some(Found::Left { path: parent.path().join(path), why }))
    }

    /// What is at `name` in `parent`; `None` if it is left out on purpose. `root` is the name of what was named itself.
    fn visit(
        &mut self,
        parent: &Arc<Directory>,
        parent_id: EntryId,
        name: OsString,
        root: Option<&[u8]>,
    ) -> Result<Option<Found>, Error> {
        if name.len() > NAME_LEN_MAX {
            return Err(Error::new(ErrorKind::Source, "its name is too long"));
        }
        let directory = parent.descriptor().map_err(unreadable)?;
        let looked = self.look(&directory, Path::new(&name));
        let is_directory = looked.as_ref().is_ok_and(|(_, seen)| seen.file_type() == FileType::Directory);
        if root.is_none() && self.is_excluded(&name, is_directory) {
            return Ok(None);
        }
        let (symlinks, seen) = looked?;
        let file_type = seen.file_type();
        let sent_name = root.map_or_else(|| name.as_bytes().to_vec(), <[u8]>::to_vec);
        let seen = Seen { parent, name, symlinks, stat: seen };
        let id = EntryId(self.last_id.0 + 1);
        let (kind, file, below) = match file_type {
            FileType::Directory => {
                let (directory, names) = self.list(&seen, &directory)?;
                (Kind::Directory, None, Some((directory, names)))
            }
            FileType::RegularFile => match self.other_name(&seen.stat) {
                Some(to) => (Kind::HardLink { to }, None, None),
                None => {
                    self.expect_other_names(&seen.stat, id);
                    let kind = Kind::Regular { size: seen.stat.size, identity: identity(&seen.stat) };
                    let file = SourceFile::new(parent, seen.name.clone(), symlinks, seen.stat);
                    (kind, Some(file), None)
                }
            },
            FileType::Symlink => (Kind::Symlink { target: target(&seen, &directory)? }, None, None),
            other => {
                let what =
                    format!("it is {}: only files, directories and links are sent", roots::describe(other));
                return Err(Error::new(ErrorKind::Source, what));
            }
        };
        let meta = self.meta(&seen, &directory);
        self.last_id = id;
        if let Some((directory, names)) = below {
            let path_len = self.path.len();
            if root.is_none() {
                self.path.extend(seen.name.as_bytes());
                self.path.push(b'/');
            }
            self.levels.push(Level { directory, id, names: names.into_iter(), path_len });
        }
        let entry = Entry { id, parent: parent_id, name: sent_name, meta, kind };
        Ok(Some(Found::Entry { entry, file }))
    }

    /// What a name is, and whether a link was followed to find out.
    fn look(&self, directory: &OwnedFd, name: &Path) -> Result<(Symlinks, Stat), Error> {
        let look = |symlinks| uninterrupted(|| stat_at(directory, name, symlinks));
        let seen = look(Symlinks::Keep).map_err(unreadable)?;
        if seen.file_type() != FileType::Symlink || self.preserve.symlinks {
            return Ok((Symlinks::Keep, seen));
        }
        let seen = look(Symlinks::Follow).map_err(|error| match error.errno() {
            Errno::NOENT => Error::new(ErrorKind::Source, "it is a link that leads nowhere"),
            _ => unreadable(error),
        })?;
        Ok((Symlinks::Follow, seen))
    }

    fn is_excluded(&self, name: &OsString, is_directory: bool) -> bool {
        !self.exclude.is_empty() && {
            let path = [&self.path, name.as_bytes()].concat();
            self.exclude.matches(&path, is_directory)
        }
    }

    /// Opens a directory, and reads all names in it.
    fn list(&self, seen: &Seen<'_>, parent: &OwnedFd) -> Result<(Arc<Directory>, Vec<OsString>), Error> {
        let name = Path::new(&seen.name);
        if self.levels.len() >= DEPTH_MAX {
            let what = format!("it is deeper than {DEPTH_MAX} directories");
            return Err(Error::new(ErrorKind::Source, what));
        }
        let opened = uninterrupted(|| open_directory_at(parent, name, seen.symlinks)).map_err(unreadable)?;
        let found = stat(&opened).map_err(unreadable)?;
        // Kept as they are, links make no circles.
        if seen.symlinks == Symlinks::Follow && self.levels.iter().any(|level| level.directory.is(&found)) {
            let what = "it is a link to a directory that it is in, and would have no end";
            return Err(Error::new(ErrorKind::Source, what));
        }
        let names = names_in(&opened).map_err(unreadable)?;
        Ok((seen.parent.child(name, seen.symlinks, opened, &found), names))
    }

    /// The entry that is the same file under a name that came before.
    fn other_name(&mut self, seen: &Stat) -> Option<EntryId> {
        let key = (seen.device, seen.inode);
        let linked = self.linked.get_mut(&key)?;
        let first = linked.first;
        linked.left = linked.left.saturating_sub(1);
        if linked.left == 0 {
            self.linked.remove(&key);
        }
        Some(first)
    }

    fn expect_other_names(&mut self, seen: &Stat, id: EntryId) {
        if self.preserve.hardlinks && seen.link_count > 1 {
            let linked = Linked { first: id, left: seen.link_count - 1 };
            self.linked.insert((seen.device, seen.inode), linked);
        }
    }

    fn meta(&mut self, seen: &Seen<'_>, parent: &OwnedFd) -> Meta {
        let Stat { mode, mtime, user, group, .. } = seen.stat;
        Meta {
            mode: mode & 0o7777,
            // Filesystems have been seen with more.
            mtime: Time { seconds: mtime.seconds, nanoseconds: mtime.nanoseconds.min(999_999_999) },
            owner: self.preserve.owner.then_some((user, group)),
            xattrs: if self.preserve.xattrs { self.xattrs(seen, parent) } else { Vec::new() },
        }
    }

    fn xattrs(&mut self, seen: &Seen<'_>, parent: &OwnedFd) -> Vec<(Vec<u8>, Vec<u8>)> {
        let read = self.xattrs.read(parent, Path::new(&seen.name), seen.symlinks);
        let (found, why) = match read {
            Ok(found) if found.is_cut => {
                (found.pairs, "some of its extended attributes are too long, and left out".to_owned())
            }
            Ok(found) => return found.pairs,
            Err(error) => (Vec::new(), format!("its extended attributes are left out: {error}")),
        };
        if self.notes.len() < NOTE_COUNT_MAX {
            self.notes.push(format!("{}: {why}", seen.path().display()));
        }
        found
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let found = match self.levels.last_mut() {
                Some(level) => match level.names.next() {
                    Some(name) => {
                        let (directory, id) = (Arc::clone(&level.directory), level.id);
                        self.name(&directory, id, name)
                    }
                    None => {
                        self.path.truncate(level.path_len);
                        self.levels.pop();
                        continue;
                    }
                },
                None => {
                    let root = self.roots.next()?;
                    self.root(&root)
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

impl Seen<'_> {
    fn path(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }
}

pub(super) fn names_in(directory: impl AsFd) -> aqueduct_sys::Result<Vec<OsString>> {
    let mut buffer = vec![MaybeUninit::uninit(); NAMES_BUFFER_LEN];
    let mut names = Vec::new();
    let mut add = |name: &std::ffi::CStr| {
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(OsString::from_vec(name.to_bytes().to_vec()));
        }
    };
    while uninterrupted(|| getdents(&directory, &mut buffer, &mut add))? {}
    names.sort_unstable();
    Ok(names)
}

fn target(seen: &Seen<'_>, parent: &OwnedFd) -> Result<Vec<u8>, Error> {
    let target = uninterrupted(|| read_link(parent, Path::new(&seen.name))).map_err(unreadable)?;
    if !(1..=TARGET_LEN_MAX).contains(&target.len()) {
        return Err(Error::new(ErrorKind::Source, "what the link says is too long"));
    }
    Ok(target)
}

/// In words without the path, which goes with it.
fn unreadable(error: aqueduct_sys::Error) -> Error {
    match error.errno() {
        Errno::NOENT | Errno::STALE => Error::new(ErrorKind::Changed, "it is gone since it was found"),
        errno => Error::new(ErrorKind::Source, format!("cannot be read: {}", std::io::Error::from(errno))),
    }
}

/// What names the same paths of the same host, and tells nobody which.
fn transfer(roots: &[Root]) -> [u8; 16] {
    // machine-id(5): "should be considered confidential", so that it is only to be hashed. Without one, the name will do.
    let host =
        std::fs::read("/etc/machine-id").unwrap_or_else(|_| hostname().unwrap_or_default().into_bytes());
    let mut hasher = blake3::Hasher::new_derive_key("aqueduct transfer 1: paths of a host");
    for part in std::iter::once(&host[..]).chain(roots.iter().map(|root| root.path.as_os_str().as_bytes())) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer")
}

/// Directories that are open at a time: an eighth of what this process may open, since connections and files need some, too.
fn directory_count_max() -> usize {
    let limit = descriptor_limit().soft.and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(DIRECTORY_COUNT_MAX, |limit| (limit / 8).clamp(1, DIRECTORY_COUNT_MAX))
}

/// Files that wait to be read are mostly of few directories. An eighth of the 1024 descriptors that a process has unless
/// somebody has raised that (getrlimit(2)).
const DIRECTORY_COUNT_MAX: usize = 128;

/// Deeper than what people make, and not deep enough to fill the stack when it is let go of: each directory holds the one
/// that it is in.
const DEPTH_MAX: usize = 4096;

/// Of getdents64(2): some thousand names a call.
const NAMES_BUFFER_LEN: usize = 64 * 1024;

/// Nobody reads more.
const NOTE_COUNT_MAX: usize = 100;
