//! Opening a store, and making one: the only recovery there is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::database;
use crate::disk::{Disk, Linked};
use crate::fault::{Blame, StorageFault};
use crate::index::Index;
use crate::layout::{self, Marker};
use crate::list;
use crate::mark::State;
use crate::meta::Meta;
use crate::real_disk::RealDisk;
use crate::store::{Inner, Options, Store};

/// What to do where there is no store yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Answer [`OpenError::Missing`].
    Refuse,
    /// Make one, in a directory that is absent or empty.
    Make,
}

/// Why a store could not be opened. In none of these cases was anything in the directory changed, but for `Fault`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store at the path, and none was to be made.
    #[error("there is no store at {}; `aqueduct put --store` makes one", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is something else at the path.
    #[error("{} is not a store: it is not empty and has no marker file '{}'", path.display(), layout::MARKER)]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// The marker is there and cannot be read as one.
    #[error(
        "the marker file '{}' of the store at {} is damaged; restore it from a backup", layout::MARKER, path.display()
    )]
    DamagedMarker {
        /// The store.
        path: PathBuf,
    },
    /// A later version of this program made the store.
    #[error(
        "the store at {} is of format {found}, and this program knows format {}; use a newer aqueduct",
        path.display(), layout::FORMAT
    )]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// The format its marker names.
        found: u32,
    },
    /// Another process has it open.
    #[error("the store at {} is in use by another process; stop that one, or talk to it", path.display())]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// `meta.redb` cannot be read. It is not derived from anything, so nothing was made in its place.
    #[error("'{}' of the store at {} is damaged; restore it from a backup", layout::META, path.display())]
    DamagedMeta {
        /// The store.
        path: PathBuf,
        /// What was found.
        source: StorageFault,
    },
    /// The filesystem cannot hold a file without a name.
    #[error("the filesystem at {} has no unnamed files (O_TMPFILE); use ext4, xfs, btrfs or tmpfs", path.display())]
    NoUnnamedFiles {
        /// The store.
        path: PathBuf,
    },
    /// The disk failed.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}

impl Store {
    /// Opens the store in the directory `root`.
    ///
    /// # Errors
    /// Where it is no store, not one of ours, in use or damaged; see [`OpenError`].
    pub fn open(root: &Path, absent: Absent, options: Options) -> Result<Self, OpenError> {
        let disk = match absent {
            Absent::Refuse => RealDisk::open(root).blame("open", root)?,
            Absent::Make => Some(RealDisk::make(root).blame("make", root)?),
        };
        let missing = || OpenError::Missing { path: root.to_owned() };
        Self::open_on(Arc::new(disk.ok_or_else(missing)?), absent, options)
    }

    /// Whether there is a store in the directory `root`: if not, it is absent or empty, and [`Absent::Make`] may make one
    /// there. Locks nothing and changes nothing, so what it found may be otherwise when the store is opened.
    ///
    /// # Errors
    /// Where [`Store::open`] would refuse what it finds before it has locked the store: all of [`OpenError`] but
    /// `Missing`, `Locked`, `DamagedMeta` and `NoUnnamedFiles`.
    pub fn is_at(root: &Path) -> Result<bool, OpenError> {
        match RealDisk::open(root).blame("open", root)? {
            Some(disk) => is_made(&disk),
            None => {
                RealDisk::check_makeable(root).blame("make", root).map(|()| false).map_err(OpenError::from)
            }
        }
    }

    /// Opens the store on a disk of the caller's choice.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(disk: Arc<dyn Disk>, absent: Absent, options: Options) -> Result<Self, OpenError> {
        if !is_made(&*disk)? && absent == Absent::Refuse {
            return Err(OpenError::Missing { path: disk.root() });
        }
        let locked = disk.lock(Path::new(layout::LOCK)).blame("lock", layout::LOCK)?;
        let lock = locked.ok_or_else(|| OpenError::Locked { path: disk.root() })?;
        Self::open_locked(disk, lock, options)
    }

    /// Opens the store whose lock is held.
    pub(crate) fn open_locked(disk: Arc<dyn Disk>, lock: File, options: Options) -> Result<Self, OpenError> {
        // Read again: another may have made the store since, and closed it.
        if read_marker(&*disk)?.is_none() {
            make_marker(&*disk)?;
        }
        let damaged = |source: StorageFault| {
            let path = disk.root();
            if database::is_damage(&source) { OpenError::DamagedMeta { path, source } } else { source.into() }
        };
        let (meta, recorded) = match Meta::read(&disk).map_err(damaged)? {
            Some(read) => read,
            // Made just now, or by a process that did not live to finish it.
            None => finish(&disk)?,
        };
        let state = recorded.recovered();
        let inner = Inner::new(disk, options, meta, state, lock);
        if recorded.is_open {
            // The last session was not closed: names it gave may not be durable, and nobody will sync them but we.
            inner.recover(&state)?;
            inner.entries.doubt();
        }
        inner.count_space()?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Whether the disk holds a store; if not, it holds nothing else either.
pub(crate) fn is_made(disk: &dyn Disk) -> Result<bool, OpenError> {
    match read_marker(disk)? {
        Some(_) => Ok(true),
        None if is_empty(disk)? => Ok(false),
        None => Err(OpenError::NotAStore { path: disk.root() }),
    }
}

fn read_marker(disk: &dyn Disk) -> Result<Option<Marker>, OpenError> {
    let path = Path::new(layout::MARKER);
    let Some(file) = disk.open(path).blame("open", path)? else { return Ok(None) };
    let damaged = || OpenError::DamagedMarker { path: disk.root() };
    let stat = disk.stat(&file).blame("stat", path)?;
    if !stat.regular || stat.size > layout::MARKER_LEN_MAX {
        return Err(damaged());
    }
    let text = io::read_to_string(&file);
    let text = match text {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged()),
        text => text.blame("read", path)?,
    };
    let marker = Marker::parse(&text).ok_or_else(damaged)?;
    if marker.format != layout::FORMAT {
        return Err(OpenError::NewerFormat { path: disk.root(), found: marker.format });
    }
    Ok(Some(marker))
}

/// Whether there is nothing but what a store's making, or a filesystem's, leaves behind.
fn is_empty(disk: &dyn Disk) -> Result<bool, StorageFault> {
    let root = Path::new(layout::ROOT);
    let names = disk.list(root).blame("list", root)?.unwrap_or_default();
    Ok(names.iter().all(|name| name == layout::LOCK || name == "lost+found"))
}

fn make_marker(disk: &dyn Disk) -> Result<(), OpenError> {
    let path = Path::new(layout::MARKER);
    let file = match disk.stage() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            return Err(OpenError::NoUnnamedFiles { path: disk.root() });
        }
        staged => staged.blame("stage", path)?,
    };
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
        .blame("read", "/proc/sys/kernel/random/uuid")?;
    let marker = Marker::new(id.trim().replace('-', ""));
    database::write_all(disk, &file, 0, marker.to_string().as_bytes()).blame("write", path)?;
    disk.sync_data(&file).blame("sync", path)?;
    match disk.link(&file, path).blame("link", path)? {
        Linked::New => {}
        // Somebody who does not lock made a store here just now.
        Linked::Exists => return Err(OpenError::Locked { path: disk.root() }),
    }
    disk.sync_dir(Path::new(layout::ROOT)).blame("sync directory", layout::ROOT)?;
    Ok(())
}

/// Makes what a store has beside its marker. `meta.redb` comes last: where it is, all else is.
fn finish(disk: &Arc<dyn Disk>) -> Result<(Meta, State), StorageFault> {
    for path in layout::directories() {
        disk.make_dir(&path).blame("make directory", &path)?;
    }
    // A directory that was already there may have been made by a process that died before this.
    for path in layout::parents() {
        disk.sync_dir(&path).blame("sync directory", &path)?;
    }
    Index::new(Arc::clone(disk), false).make()?;
    // `meta.redb` was lost from a store that has blobs: nothing is known of them.
    let state = if list::is_empty(&**disk)? { State::fresh() } else { State::unknown() };
    Ok((Meta::make(disk, &state)?, state))
}
