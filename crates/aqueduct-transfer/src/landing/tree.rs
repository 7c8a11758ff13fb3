//! The tree in which entries arrive: which entry is where, and the directories that are open.

use std::collections::HashMap;
use std::collections::hash_map;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_sys::{Errno, Symlinks, open_directory_at, open_directory_beneath};
use aqueduct_wire::transfer::{Entry, EntryId, Kind, Meta};

use super::journal::Place;
use super::staging::Stage;
use crate::{Error, ErrorKind};

/// Everything that was said of the tree so far, and the way to it.
///
/// Entries are found by their numbers, and a directory is opened by one name at a time from the one that it is in, so that
/// no path that somebody sends is ever looked up.
#[derive(Debug)]
pub(super) struct Tree {
    stage: Stage,
    /// For messages: where it will appear.
    path: PathBuf,
    said: Mutex<Said>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Said {
    directories: HashMap<EntryId, Directory>,
    others: HashMap<EntryId, Named>,
    /// Bytes of all names.
    names_len: usize,
}

#[derive(Debug)]
struct Directory {
    named: Named,
    place: Place,
    depth: usize,
    meta: Meta,
}

/// Where an entry is.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) parent: EntryId,
    pub(super) name: Box<[u8]>,
}

/// The directories that were used last.
#[derive(Debug, Default)]
struct Open {
    directories: HashMap<EntryId, (Arc<OwnedFd>, u64)>,
    /// Counts uses.
    now: u64,
}

impl Tree {
    /// The tree on `stage`, whose entries will appear in `path`.
    pub(super) fn new(stage: Stage, path: PathBuf) -> Self {
        Self { stage, path, said: Mutex::default(), open: Mutex::default() }
    }

    pub(super) fn root(&self) -> &Arc<OwnedFd> {
        &self.stage.dir
    }

    /// Takes `entry` in, if it may be there at all, and returns its place. A directory has to be made before.
    pub(super) fn say(&self, entry: &Entry) -> Result<Place, Error> {
        let (place, depth) = self.look(entry)?;
        let named = Named { parent: entry.parent, name: entry.name.as_slice().into() };
        let mut said = self.said();
        said.names_len += named.name.len();
        let is_new = if entry.kind == Kind::Directory {
            let directory = Directory { named, place, depth, meta: entry.meta.clone() };
            said.directories.insert(entry.id, directory).is_none()
        } else {
            said.others.insert(entry.id, named).is_none()
        };
        if is_new { Ok(place) } else { Err(said_twice(entry)) }
    }

    /// Where `entry` would be, if it may be there, and how deep.
    pub(super) fn look(&self, entry: &Entry) -> Result<(Place, usize), Error> {
        if !is_single(&entry.name) {
            let what = format!("the other side sends what is no name: {:?}", shown(&entry.name));
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        let said = self.said();
        if said.directories.contains_key(&entry.id) || said.others.contains_key(&entry.id) {
            return Err(said_twice(entry));
        }
        let (above, depth) = match said.directories.get(&entry.parent) {
            Some(directory) => (directory.place, directory.depth + 1),
            None if entry.parent == EntryId::ROOT => (Place::default(), 0),
            None => {
                let what = "the other side puts an entry into what is no directory";
                return Err(Error::new(ErrorKind::Protocol, format!("{what}: {:?}", shown(&entry.name))));
            }
        };
        let count = said.directories.len() + said.others.len();
        if count >= ENTRY_COUNT_MAX || said.names_len > NAMES_LEN_MAX {
            let what =
                format!("more than {ENTRY_COUNT_MAX} entries, or names of more than {NAMES_LEN_MAX} bytes");
            return Err(Error::new(ErrorKind::Refused, format!("{what}: send the tree in parts")));
        }
        if depth > DEPTH_MAX {
            drop(said);
            let path = self.path_of(entry.parent, &entry.name);
            let what = format!("{path:?} is more than {DEPTH_MAX} directories deep: send a part of it");
            return Err(Error::new(ErrorKind::Refused, what));
        }
        Ok((place_in(&above, &entry.name), depth))
    }

    /// Where an entry is that is no directory.
    pub(super) fn other(&self, id: EntryId) -> Option<Named> {
        self.said().others.get(&id).cloned()
    }

    /// Forgets an entry that is no directory: its name may come again.
    pub(super) fn forget(&self, id: EntryId) -> Option<Named> {
        self.said().others.remove(&id)
    }

    /// The place of a directory, or of something in it.
    pub(super) fn place_of(&self, parent: EntryId, name: &[u8]) -> Place {
        let above = self.said().directories.get(&parent).map_or(Place::default(), |found| found.place);
        place_in(&above, name)
    }

    /// The directories, with what is known of each: what is in one comes before it.
    pub(super) fn directories(&self) -> Vec<(EntryId, Named, Meta)> {
        let said = self.said();
        let mut directories: Vec<_> = said
            .directories
            .iter()
            .map(|(id, directory)| (*id, directory.named.clone(), directory.meta.clone()))
            .collect();
        // Whatever is in a directory was said later, and has a larger number.
        directories.sort_unstable_by_key(|(id, ..)| std::cmp::Reverse(*id));
        directories
    }

    /// The names from the top to `name` in `parent`.
    pub(super) fn relative(&self, parent: EntryId, name: &[u8]) -> PathBuf {
        let said = self.said();
        let mut names = vec![name];
        let mut at = parent;
        while let Some(directory) = said.directories.get(&at) {
            names.push(&directory.named.name);
            at = directory.named.parent;
        }
        names.into_iter().rev().map(OsStr::from_bytes).collect()
    }

    /// What `name` in the [open](Self::open) directory `parent` is called as long as it arrives.
    pub(super) fn staged<'a>(&'a self, parent: EntryId, name: &'a [u8]) -> &'a Path {
        if parent == EntryId::ROOT { self.stage.staged(name) } else { path(name) }
    }

    /// For messages: where `name` in `parent` will appear.
    pub(super) fn path_of(&self, parent: EntryId, name: &[u8]) -> PathBuf {
        self.path.join(self.relative(parent, name))
    }

    /// The directory `id`, open.
    pub(super) fn open(&self, id: EntryId) -> Result<Arc<OwnedFd>, Error> {
        // From the nearest one above it that is open.
        let mut closed = Vec::new();
        let mut dir = {
            let (mut open, said) = (self.opened(), self.said());
            let mut at = id;
            loop {
                if at == EntryId::ROOT {
                    break Arc::clone(&self.stage.dir);
                }
                if let Some(dir) = open.look(at) {
                    break dir;
                }
                let Some(directory) = said.directories.get(&at) else {
                    return Err(Error::new(
                        ErrorKind::Protocol,
                        "the other side names a directory that is none",
                    ));
                };
                closed.push((at, directory.named.clone()));
                at = directory.named.parent;
            }
        };
        for (id, named) in closed.into_iter().rev() {
            let opened = open_directory(&dir, self.staged(named.parent, &named.name)).map_err(|error| {
                let path = self.path_of(named.parent, &named.name);
                let what = format!("the directory {path:?} is not what it was when it was made");
                match error.errno() {
                    Errno::LOOP | Errno::NOTDIR | Errno::NOENT | Errno::XDEV => {
                        Error::new(ErrorKind::Local, format!("{what}: somebody changes it while it arrives"))
                            .because(error)
                    }
                    _ => Error::disk(format!("cannot open {path:?}"), error.into()),
                }
            })?;
            dir = Arc::new(opened);
            self.opened().keep(id, &dir);
        }
        Ok(dir)
    }

    /// Closes every directory: whoever wants one opens it anew, and finds what is there now.
    pub(super) fn close_all(&self) {
        self.opened().directories.clear();
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn look(&mut self, id: EntryId) -> Option<Arc<OwnedFd>> {
        self.now += 1;
        let (dir, used) = self.directories.get_mut(&id)?;
        *used = self.now;
        Some(Arc::clone(dir))
    }

    fn keep(&mut self, id: EntryId, dir: &Arc<OwnedFd>) {
        if self.directories.len() >= OPEN_COUNT_MAX {
            let oldest = self.directories.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.directories.remove(&oldest));
        }
        self.now += 1;
        match self.directories.entry(id) {
            // Another thread was as quick.
            hash_map::Entry::Occupied(_) => {}
            hash_map::Entry::Vacant(free) => _ = free.insert((Arc::clone(dir), self.now)),
        }
    }
}

/// Opens the directory `name` in `dir`: a single name, and whatever somebody has put there is not followed.
pub(super) fn open_directory(dir: impl AsFd, name: &Path) -> aqueduct_sys::Result<OwnedFd> {
    match open_directory_beneath(&dir, name) {
        // Before Linux 5.6, or behind a filter of system calls that does not know it. For a single name this is as good,
        // but for a mount that somebody puts there.
        Err(error) if matches!(error.errno(), Errno::NOSYS | Errno::PERM) => {
            open_directory_at(dir, name, Symlinks::Keep)
        }
        opened => opened,
    }
}

/// The place of `name` in the directory at `above`.
pub(super) fn place_in(above: &Place, name: &[u8]) -> Place {
    let mut hasher = blake3::Hasher::new();
    hasher.update(above);
    hasher.update(name);
    *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer than a place")
}

/// Whether it names something in a directory, and nothing that is elsewhere. Who speaks the native protocol was refused any
/// other before.
fn is_single(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// One name, as the kernel takes it.
pub(super) fn path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

/// One name, to be shown: what no terminal should see is escaped by `{:?}`.
pub(super) fn shown(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

fn said_twice(entry: &Entry) -> Error {
    let what = format!("the other side says entry {} twice: {:?}", entry.id.0, shown(&entry.name));
    Error::new(ErrorKind::Protocol, what)
}

/// Each takes some hundred bytes of memory: a GiB in all.
const ENTRY_COUNT_MAX: usize = 10_000_000;

/// Of all names together: 50 bytes each, if there are as many as there may be.
const NAMES_LEN_MAX: usize = 512 << 20;

/// One in another. Whoever walks a tree has one descriptor for each open, of which a process has 1024.
pub(super) const DEPTH_MAX: usize = 500;

/// A walk comes back to the directories above the one that it is in, and to few others.
const OPEN_COUNT_MAX: usize = 64;
