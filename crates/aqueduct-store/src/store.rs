//! The store as a whole: made, opened, closed, and what all its operations share.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread;

use aqueduct_blob::Digest;

use crate::commit::Committer;
use crate::database;
use crate::disk::{Disk, Linked, Stat};
use crate::fault::{Blame, ReadOnly, StorageFault};
use crate::index::Index;
use crate::layout::{self, Marker};
use crate::mark::State;
use crate::meta::Meta;
use crate::publish::{PublishError, Published};
use crate::real_disk::RealDisk;
use crate::staging::Verified;

/// What an acknowledged publish is worth when the power goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// It is there, and right.
    #[default]
    Full,
    /// It may be gone, and is right if it is there. For caches.
    None,
}

/// How a store is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When a publish is acknowledged.
    pub sync: SyncPolicy,
    /// How many threads may hash one blob.
    pub threads: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { sync: SyncPolicy::default(), threads }
    }
}

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

/// A content-addressed store in a directory, open in this process alone.
///
/// Cheap to clone: every clone is the same store. It starts no threads and no timers of its own.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: Options,
    pub(crate) index: Index,
    pub(crate) committer: Committer<Verified, Result<Published, PublishError>>,
    /// Held for reading while one name is given or taken, and for writing where none may be: to put a blob in quarantine
    /// without hitting the one that just replaced it, and to know what a sync of everything covers.
    pub(crate) names: RwLock<()>,
    /// Digests of which this session knows that they are right, kept only while others are suspect.
    pub(crate) believed: Mutex<HashSet<Digest>>,
    meta: Meta,
    state: Mutex<State>,
    /// The session is on record: a crash from here on is an unclean stop.
    changing: AtomicBool,
    /// The last process was killed on this boot: a name it gave may not be durable yet.
    inherited: bool,
    read_only: OnceLock<StorageFault>,
    /// Held as long as the store is open.
    _lock: std::fs::File,
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

    /// Opens the store on a disk of the caller's choice.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(disk: Arc<dyn Disk>, absent: Absent, options: Options) -> Result<Self, OpenError> {
        let made = match read_marker(&*disk)? {
            Some(_) => false,
            None if !is_empty(&*disk)? => return Err(OpenError::NotAStore { path: disk.root() }),
            None if absent == Absent::Refuse => return Err(OpenError::Missing { path: disk.root() }),
            None => true,
        };
        let locked = disk.lock(Path::new(layout::LOCK)).blame("lock", layout::LOCK)?;
        let lock = locked.ok_or_else(|| OpenError::Locked { path: disk.root() })?;
        if made {
            make_marker(&*disk)?;
        }
        let damaged = |source: StorageFault| {
            let path = disk.root();
            if database::is_damage(&source) { OpenError::DamagedMeta { path, source } } else { source.into() }
        };
        let meta = match Meta::open(&disk).map_err(damaged)? {
            Some(meta) => meta,
            // Made just now, or by a process that did not live to finish it.
            None => finish(&disk)?,
        };
        let recorded = meta.state().map_err(damaged)?;
        let incarnation = disk.incarnation();
        let inherited = recorded.session.as_ref() == Some(&incarnation);
        let state = recorded.reopened(disk.now(), &incarnation);
        let inner = Inner {
            index: Index::new(Arc::clone(&disk), state.index_stale),
            committer: Committer::new(),
            names: RwLock::default(),
            believed: Mutex::default(),
            meta,
            state: Mutex::new(state),
            changing: AtomicBool::new(false),
            inherited,
            read_only: OnceLock::new(),
            disk,
            options,
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The directory the store lies in.
    pub fn root(&self) -> PathBuf {
        self.inner.disk.root()
    }

    /// Makes durable whatever is not, and moves the durable mark. Under [`SyncPolicy::None`] this bounds what a power
    /// cut can cost, and how much has to be hashed after one.
    ///
    /// # Errors
    /// The store is read-only from then on: nobody knows what the failed sync left behind.
    pub fn settle(&self) -> Result<(), ReadOnly> {
        self.inner.settle()
    }

    /// Records a clean stop, so that the next start has nothing to check. To be called once every operation is done.
    /// Without it the store is as after a kill: nothing is lost, and the next start checks more.
    ///
    /// # Errors
    /// The stop was not recorded as clean.
    pub fn close(self) -> Result<(), ReadOnly> {
        self.inner.close()
    }
}

impl Inner {
    /// Puts the session on record before its first change.
    pub(crate) fn begin_changes(&self) -> Result<(), ReadOnly> {
        self.writable()?;
        if self.changing.load(Ordering::Acquire) {
            return Ok(());
        }
        let session = Some(self.disk.incarnation());
        let loose = self.options.sync == SyncPolicy::None;
        self.record(|state| State { session, loose: state.loose || loose, ..state })?;
        self.changing.store(true, Ordering::Release);
        Ok(())
    }

    /// Turns the store read-only: after a failed sync nobody knows what is on the medium, and asking again may answer
    /// "all is well" (fsync(2), and wiki.postgresql.org/wiki/Fsync_Errors).
    pub(crate) fn latch(&self, fault: StorageFault) -> ReadOnly {
        ReadOnly(self.read_only.get_or_init(|| fault).clone())
    }

    /// Whether a blob may be named before it is synced.
    pub(crate) fn may_be_loose(&self) -> bool {
        self.options.sync == SyncPolicy::None && lock(&self.state).may_be_loose(self.disk.now())
    }

    /// Whether a blob has to be hashed before it is believed.
    pub(crate) fn is_suspect(&self, digest: &Digest, stat: &Stat) -> bool {
        lock(&self.state).suspect(stat.changed) && !lock(&self.believed).contains(digest)
    }

    /// Whether a blob that is not suspect is known to survive a power cut.
    pub(crate) fn is_durable(&self, stat: &Stat) -> bool {
        lock(&self.state).durable(stat.changed)
    }

    /// Remembers that a blob is right: it was published or hashed by this session.
    pub(crate) fn believe(&self, digest: &Digest) {
        if lock(&self.state).suspects_since.is_none() {
            return;
        }
        let mut believed = lock(&self.believed);
        if believed.len() < BELIEVED_COUNT_MAX {
            believed.insert(*digest);
        }
    }

    /// Every suspect was hashed: what is left of them is right.
    pub(crate) fn clear_suspects(&self) -> Result<(), ReadOnly> {
        self.record(|state| State { suspects_since: None, ..state })?;
        lock(&self.believed).clear();
        Ok(())
    }

    pub(crate) fn has_suspects(&self) -> bool {
        lock(&self.state).suspects_since.is_some()
    }

    /// Whether the store still takes changes.
    fn writable(&self) -> Result<(), ReadOnly> {
        self.read_only.get().map_or(Ok(()), |fault| Err(ReadOnly(fault.clone())))
    }

    fn settle(&self) -> Result<(), ReadOnly> {
        self.writable()?;
        let now = self.barrier();
        self.sync_filesystem()?;
        // Names go on being given while the filesystem is synced.
        let loose = self.options.sync == SyncPolicy::None && self.changing.load(Ordering::Acquire);
        self.record(|state| State { loose, ..state.settled(now) })
    }

    fn close(&self) -> Result<(), ReadOnly> {
        let flushed = self.index.flush();
        self.writable()?;
        if !self.changing.load(Ordering::Acquire) && flushed.is_ok() {
            return Ok(());
        }
        let now = self.barrier();
        if lock(&self.state).loose || self.inherited {
            self.sync_filesystem()?;
        }
        // An index that could not be flushed is stale.
        let index_stale = self.index.is_stale();
        self.record(|state| State { session: None, index_stale, ..state.settled(now) })?;
        self.changing.store(false, Ordering::Release);
        Ok(())
    }

    pub(crate) fn sync_filesystem(&self) -> Result<(), ReadOnly> {
        self.disk.sync_all().blame("sync filesystem", layout::ROOT).map_err(|fault| self.latch(fault))
    }

    /// Changes the state, on the medium first.
    fn record(&self, change: impl FnOnce(State) -> State) -> Result<(), ReadOnly> {
        let mut state = lock(&self.state);
        let next = change(state.clone());
        self.meta.record(&next).map_err(|fault| self.latch(fault))?;
        *state = next;
        Ok(())
    }

    /// A moment which every name given so far comes before, and every later one does not.
    fn barrier(&self) -> i64 {
        let _alone = self.names.write().unwrap_or_else(PoisonError::into_inner);
        self.disk.now()
    }
}

/// Digests remembered as right while others are suspect: 12 MiB. One more is hashed again when it is next asked for.
const BELIEVED_COUNT_MAX: usize = 1 << 18;

fn read_marker(disk: &dyn Disk) -> Result<Option<Marker>, OpenError> {
    let path = Path::new(layout::MARKER);
    let Some(file) = disk.open(path).blame("open", path)? else { return Ok(None) };
    let damaged = || OpenError::DamagedMarker { path: disk.root() };
    let stat = disk.stat(&file).blame("stat", path)?;
    if !stat.regular || stat.size > layout::MARKER_LEN_MAX {
        return Err(damaged());
    }
    let text = std::io::read_to_string(&file);
    let text = match text {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(damaged()),
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
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
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
fn finish(disk: &Arc<dyn Disk>) -> Result<Meta, StorageFault> {
    for path in layout::directories() {
        disk.make_dir(&path).blame("make directory", &path)?;
    }
    // A directory that was already there may have been made by a process that died before this.
    for path in layout::parents() {
        disk.sync_dir(&path).blame("sync directory", &path)?;
    }
    Index::new(Arc::clone(disk), false).make()?;
    // `meta.redb` was lost from a store that has blobs: nothing is known of them.
    let state = if crate::list::is_empty(&**disk)? { State::fresh } else { State::unknown };
    Meta::make(disk, &state(disk.now()))
}

/// A poisoned lock is a panic elsewhere in this process; what the locks here guard is valid after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
