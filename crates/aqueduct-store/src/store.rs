//! The store as a whole: what its operations share, and how it is settled and closed.

use std::collections::HashSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread;

use aqueduct_blob::Digest;

use crate::commit::Committer;
use crate::disk::{Disk, Stat};
use crate::fault::{Blame, ReadOnly, StorageFault};
use crate::index::Index;
use crate::layout;
use crate::mark::State;
use crate::meta::Meta;
use crate::poison::{alone, lock};
use crate::publish::{PublishError, Published};
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
    _lock: File,
}

impl Store {
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
    /// A store that was just opened.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: Options,
        meta: Meta,
        state: State,
        inherited: bool,
        lock: File,
    ) -> Self {
        Self {
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
        }
    }

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
        let _alone = alone(&self.names);
        self.disk.now()
    }
}

/// Digests remembered as right while others are suspect: 12 MiB. One more is hashed again when it is next asked for.
const BELIEVED_COUNT_MAX: usize = 1 << 18;
