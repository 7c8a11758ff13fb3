//! Directories that are named in, of which only so many are open at a time.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{CWD, Errno, Stat, Symlinks, locate, stat};

/// A directory that the walk has seen. Tens of thousands of files may wait to be read, each of another one: it is closed
/// when too many are open, and opened anew when it is needed, name by name, so that no path is too long.
#[derive(Debug)]
pub(super) struct Directory {
    place: Place,
    device: u64,
    inode: u64,
    open: Mutex<Option<Arc<OwnedFd>>>,
    descriptors: Arc<Descriptors>,
}

#[derive(Debug)]
enum Place {
    /// Absolute, and without symbolic links when it was looked at.
    Path(PathBuf),
    Name {
        parent: Arc<Directory>,
        name: OsString,
        symlinks: Symlinks,
    },
}

/// The directories that are open, in the order in which they were opened.
#[derive(Debug)]
pub(super) struct Descriptors {
    open: Mutex<VecDeque<Weak<Directory>>>,
    count_max: usize,
}

impl Descriptors {
    /// At most `count_max` are open, beside those that are used at the moment.
    pub(super) fn new(count_max: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), count_max })
    }

    fn keep(&self, directory: &Arc<Directory>) {
        let mut open = locked(&self.open);
        open.push_back(Arc::downgrade(directory));
        let oldest = if open.len() > self.count_max { open.pop_front() } else { None };
        drop(open);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            locked(&oldest.open).take();
        }
    }
}

impl Directory {
    /// The directory at an absolute path: not opened, since names in it may be known to whoever may not list them.
    pub(super) fn at(path: &Path, descriptors: &Arc<Descriptors>) -> aqueduct_sys::Result<Arc<Self>> {
        let open = locate_path(path)?;
        let seen = stat(&open)?;
        Ok(Self::new(Place::Path(path.to_owned()), &seen, open, descriptors))
    }

    /// The directory `name` in `self`, which was opened already.
    pub(super) fn child(
        self: &Arc<Self>,
        name: &Path,
        symlinks: Symlinks,
        open: OwnedFd,
        seen: &Stat,
    ) -> Arc<Self> {
        let place = Place::Name { parent: Arc::clone(self), name: name.into(), symlinks };
        Self::new(place, seen, open, &self.descriptors)
    }

    fn new(place: Place, seen: &Stat, open: OwnedFd, descriptors: &Arc<Descriptors>) -> Arc<Self> {
        let directory = Arc::new(Self {
            place,
            device: seen.device,
            inode: seen.inode,
            open: Mutex::new(Some(Arc::new(open))),
            descriptors: Arc::clone(descriptors),
        });
        descriptors.keep(&directory);
        directory
    }

    /// Whether `seen` is this directory.
    pub(super) fn is(&self, seen: &Stat) -> bool {
        (self.device, self.inode) == (seen.device, seen.inode)
    }

    /// Where it is, for a person.
    pub(super) fn path(&self) -> PathBuf {
        let mut names = Vec::new();
        let mut at = self;
        loop {
            match &at.place {
                Place::Path(path) => return path.join(names.iter().rev().collect::<PathBuf>()),
                Place::Name { parent, name, .. } => {
                    names.push(name);
                    at = parent;
                }
            }
        }
    }

    /// A descriptor of it, for names in it.
    ///
    /// # Errors
    ///
    /// Those of [`locate`]; ESTALE where something else has its name by now.
    pub(super) fn descriptor(self: &Arc<Self>) -> aqueduct_sys::Result<Arc<OwnedFd>> {
        // Up to the nearest that is open, and down again: a loop, since trees may be deeper than a stack.
        let mut way = Vec::new();
        let mut at = self;
        let mut open = loop {
            if let Some(open) = &*locked(&at.open) {
                break Arc::clone(open);
            }
            match &at.place {
                Place::Path(path) => break at.reopened(locate_path(path)?)?,
                Place::Name { parent, .. } => {
                    way.push(at);
                    at = parent;
                }
            }
        };
        for directory in way.into_iter().rev() {
            let Place::Name { name, symlinks, .. } = &directory.place else {
                unreachable!("only these are on the way")
            };
            let found = uninterrupted(|| locate(&*open, Path::new(name), *symlinks))?;
            open = directory.reopened(found)?;
        }
        Ok(open)
    }

    fn reopened(self: &Arc<Self>, found: OwnedFd) -> aqueduct_sys::Result<Arc<OwnedFd>> {
        if !self.is(&stat(&found)?) {
            return Err(aqueduct_sys::Error::new("openat(O_PATH)", Errno::STALE));
        }
        let found = Arc::new(found);
        *locked(&self.open) = Some(Arc::clone(&found));
        self.descriptors.keep(self);
        Ok(found)
    }
}

fn locate_path(path: &Path) -> aqueduct_sys::Result<OwnedFd> {
    uninterrupted(|| locate(CWD, path, Symlinks::Keep))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
