//! The store as a whole: what its operations share, and how it is settled and closed.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock, RwLockWriteGuard};
use std::thread;

use aqueduct_blob::Digest;
use aqueduct_flow::probe::Served;

use crate::commit::Committer;
use crate::disk::{Disk, Stat};
use crate::doubt::Doubts;
use crate::entries::Entries;
use crate::evict::Evictor;
use crate::fault::{Blame, ChangeError, ReadOnly, StorageFault};
use crate::index::Index;
use crate::layout;
use crate::mark::State;
use crate::meta::Meta;
use crate::pins::Pins;
use crate::poison::{alone, lock};
use crate::publish::{PublishError, Published};
use crate::scrub::Scrubs;
use crate::space::{Limits, Space};
use crate::staging::Verified;
use crate::turns::Turns;
use crate::uploads::{UPLOAD_COUNT_MAX, Uploads};
use crate::watch::Watchers;

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
    /// How much it may take.
    pub limits: Limits,
    /// How many bytes of an upload may come before they are synced, in a store that syncs: what a power cut may cost.
    pub upload_mark_len: u64,
    /// How many uploads it takes at once. Finished ones do not count.
    pub upload_count_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (sync, limits) = (SyncPolicy::default(), Limits::default());
        Self { sync, threads, limits, upload_mark_len: UPLOAD_MARK_LEN, upload_count_max: UPLOAD_COUNT_MAX }
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
    /// One for each shard, so that a round is of one directory. The syncs of several directories go on at the same time,
    /// and the filesystem's journal commits them together.
    committers: Vec<Committer<Arc<Verified>, Result<Published, PublishError>>>,
    /// Shared while a name is given, alone while one is taken away or nobody may give any: so that the index hears of
    /// names in the order they change, quarantine never hits the blob that just replaced a damaged one, and a sync of
    /// everything knows what it covers.
    pub(crate) names: RwLock<()>,
    /// Names whose bytes are durable and whose directory is not synced yet, by how many have to sync it. Every other name
    /// is durable, unless it is loose. As many as there are publishers.
    pub(crate) unsynced: Mutex<HashMap<Digest, usize>>,
    /// Files, by inode, of which this session knows that they are right, kept only while others are suspect.
    believed: Mutex<HashSet<(Digest, u64)>>,
    /// Files that are suspect for another reason than a power cut.
    pub(crate) doubts: Doubts,
    /// Suspects that are being hashed.
    pub(crate) checks: Turns<Digest>,
    pub(crate) uploads: Uploads,
    pub(crate) scrubs: Scrubs,
    pub(crate) watchers: Watchers,
    pub(crate) doubt_watchers: Watchers,
    /// Held while the index is made to match the tree.
    pub(crate) recounting: Mutex<()>,
    pub(crate) space: Space,
    pub(crate) evictor: Evictor,
    pub(crate) pins: Pins,
    pub(crate) entries: Entries,
    pub(crate) meta: Meta,
    state: Mutex<State>,
    /// Held while the state is changed on the medium, so that those who only read it need not wait for that.
    recording: Mutex<()>,
    /// The session is on record: a crash from here on is an unclean stop.
    changing: AtomicBool,
    read_only: OnceLock<StorageFault>,
    /// Held as long as the store is open.
    _lock: File,
}

impl Store {
    /// The directory the store lies in.
    pub fn root(&self) -> PathBuf {
        self.inner.disk.root()
    }

    /// What the kernel does between connections and files of the store's filesystem, tried on two that nobody else sees and that are gone
    /// afterwards. Takes about a millisecond.
    ///
    /// # Errors
    /// Where no file can be made, or nothing be written to it.
    pub fn served(&self) -> io::Result<Served> {
        let disk = &self.inner.disk;
        Ok(Served::of(&disk.stage()?, &disk.stage()?)?)
    }

    /// When its publishes are acknowledged.
    #[must_use]
    pub fn sync_policy(&self) -> SyncPolicy {
        self.inner.options.sync
    }

    /// Whether it takes no changes any more, because a sync failed. Asks no disk.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only.get().is_some()
    }

    /// Whether there may be blobs that have to be hashed before they are believed. Asks no disk.
    #[must_use]
    pub fn has_suspects(&self) -> bool {
        self.inner.has_suspects()
    }

    /// Makes durable whatever is not, and moves the durable mark. Under [`SyncPolicy::None`] this bounds what a power
    /// cut can cost, and how much has to be hashed after one.
    ///
    /// # Errors
    /// The store is read-only from then on: nobody knows what the failed sync left behind.
    pub fn settle(&self) -> Result<(), ReadOnly> {
        self.inner.settle()
    }

    /// Records a clean stop, so that the next start has nothing to check. Without it the store is as after a kill: nothing is lost, and the next start checks more.
    ///
    /// # Errors
    /// The stop was not recorded as clean.
    pub fn close(self) -> Result<(), ReadOnly> {
        self.inner.close()
    }
}

impl Inner {
    /// A store that was just opened.
    pub(crate) fn new(disk: Arc<dyn Disk>, options: Options, meta: Meta, state: State, lock: File) -> Self {
        Self {
            index: Index::new(Arc::clone(&disk), state.index_stale),
            committers: layout::shards().map(|_| Committer::new()).collect(),
            names: RwLock::default(),
            unsynced: Mutex::default(),
            believed: Mutex::default(),
            doubts: Doubts::default(),
            checks: Turns::default(),
            uploads: Uploads::default(),
            scrubs: Scrubs::default(),
            watchers: Watchers::default(),
            doubt_watchers: Watchers::default(),
            recounting: Mutex::default(),
            space: Space::new(options.limits),
            evictor: Evictor::default(),
            pins: Pins::default(),
            entries: Entries::new(),
            meta,
            state: Mutex::new(state),
            recording: Mutex::default(),
            changing: AtomicBool::new(false),
            read_only: OnceLock::new(),
            disk,
            options,
            _lock: lock,
        }
    }

    /// Makes durable whatever a session left that was not closed, and records that `state` is what is left of it.
    pub(crate) fn recover(&self, state: &State) -> Result<(), StorageFault> {
        self.disk.sync_all().blame("sync filesystem", layout::ROOT).inspect_err(|_| self.doubt_uploads())?;
        self.meta.record(state)
    }

    /// Where the publishes of blobs like this one are gathered into rounds.
    pub(crate) fn committer(
        &self,
        digest: &Digest,
    ) -> &Committer<Arc<Verified>, Result<Published, PublishError>> {
        &self.committers[layout::shard_index(digest)]
    }

    /// Whether blobs are named before they are synced.
    pub(crate) fn is_loose(&self) -> bool {
        self.options.sync == SyncPolicy::None
    }

    /// Puts the session on record before its first change; in a loose one, takes the mark back where the clock went back.
    pub(crate) fn begin_changes(&self) -> Result<(), ChangeError> {
        self.writable()?;
        let loose_from = self.is_loose().then(|| self.disk.now());
        let admitted = || loose_from.is_none_or(|now| lock(&self.state).admits(now));
        if self.is_on_record() && admitted() {
            return Ok(());
        }
        self.record(|state| state.begun(loose_from))?;
        self.changing.store(true, Ordering::Release);
        Ok(())
    }

    /// Nobody gives a name or takes one away as long as this is held, and the session is on record: for those who take one away.
    pub(crate) fn alone_on_record(&self) -> Result<RwLockWriteGuard<'_, ()>, ChangeError> {
        loop {
            self.begin_changes()?;
            let alone = alone(&self.names);
            // It was closed meanwhile, and what is done now belongs to another session.
            if self.is_on_record() {
                return Ok(alone);
            }
        }
    }

    /// Whether a crash from here on is known to be an unclean stop.
    pub(crate) fn is_on_record(&self) -> bool {
        self.changing.load(Ordering::Acquire)
    }

    /// Turns the store read-only: after a failed sync nobody knows what is on the medium, and asking again may answer
    /// "all is well" (fsync(2), and wiki.postgresql.org/wiki/Fsync_Errors).
    pub(crate) fn latch(&self, fault: StorageFault) -> ReadOnly {
        ReadOnly(self.read_only.get_or_init(|| fault).clone())
    }

    /// The same, unless nothing was tried: a process that is short of descriptors for a moment shall not pay for it until it is
    /// started anew.
    fn latch_if_tried(&self, fault: StorageFault) -> ChangeError {
        if fault.is_untried() { fault.into() } else { self.latch(fault).into() }
    }

    /// The same for those who cannot try again.
    fn latch_after(&self, error: ChangeError) -> ReadOnly {
        match error {
            ChangeError::ReadOnly(read_only) => read_only,
            ChangeError::Fault(fault) => self.latch(fault),
        }
    }

    /// Writes what gathered of entries, so that it becomes durable with what is recorded next. On a full disk what was put since is
    /// taken back, which costs no more than a kill.
    fn write_entries_if_room(&self) -> Result<(), ReadOnly> {
        match self.write_entries() {
            Err(ChangeError::Fault(fault)) if fault.is_untried() => Ok(()),
            written => written.map_err(|error| self.latch_after(error)),
        }
    }

    /// Whether the store still takes changes.
    pub(crate) fn writable(&self) -> Result<(), ReadOnly> {
        self.read_only.get().map_or(Ok(()), |fault| Err(ReadOnly(fault.clone())))
    }

    /// Whether a blob has to be hashed before it is believed.
    pub(crate) fn is_suspect(&self, digest: &Digest, stat: &Stat) -> bool {
        self.doubts.has(digest, stat)
            || (lock(&self.state).suspects(stat.changed)
                && !lock(&self.believed).contains(&(*digest, stat.inode)))
    }

    /// Remembers that a file is right: it was published or hashed by this session.
    pub(crate) fn believe(&self, digest: &Digest, stat: &Stat) {
        self.doubts.vouch(digest, stat);
        let mut believed = lock(&self.believed);
        if believed.len() < BELIEVED_COUNT_MAX {
            believed.insert((*digest, stat.inode));
        }
    }

    /// Every suspect was hashed: what is left of them is right.
    pub(crate) fn clear_suspects(&self) -> Result<(), ChangeError> {
        self.doubts.lift();
        self.record(|state| State { suspects_since: None, ..state })?;
        lock(&self.believed).clear();
        Ok(())
    }

    pub(crate) fn has_suspects(&self) -> bool {
        self.doubts.any() || lock(&self.state).suspects_since.is_some()
    }

    fn settle(&self) -> Result<(), ReadOnly> {
        let now = {
            let _alone = alone(&self.names);
            self.disk.now()
        };
        self.sync_filesystem()?;
        // With what is recorded they become durable.
        self.write_entries_if_room()?;
        // Names go on being given while the filesystem is synced.
        let settled = self.record(|state| {
            let loose_from = (self.is_loose() && state.is_open).then_some(now);
            state.settled(loose_from)
        });
        settled.map_err(|error| self.latch_after(error))
    }

    fn close(&self) -> Result<(), ReadOnly> {
        self.writable()?;
        if !self.is_on_record() {
            return Ok(());
        }
        let _alone = alone(&self.names);
        // While nobody gives or takes a name that the index would not hear of in time.
        self.index.flush();
        // What was evicted must not come back once the index is believed.
        if self.is_loose() || self.evictor.count() > 0 {
            self.sync_filesystem()?;
        }
        self.write_entries_if_room()?;
        let index_stale = self.index.is_stale();
        let closed = self.record(|state| State { index_stale, ..state.settled(None).clean() });
        closed.map_err(|error| self.latch_after(error))?;
        // A clone that changes something after all begins a session of its own.
        self.changing.store(false, Ordering::Release);
        Ok(())
    }

    pub(crate) fn sync_directory(&self, directory: &Path) -> Result<(), ChangeError> {
        self.writable()?;
        let synced = self.disk.sync_dir(directory).blame("sync directory", directory);
        synced.map_err(|fault| self.latch_if_tried(fault))
    }

    pub(crate) fn sync_filesystem(&self) -> Result<(), ReadOnly> {
        self.writable()?;
        self.disk.sync_all().blame("sync filesystem", layout::ROOT).map_err(|fault| {
            // Pages that could not be written are taken for clean, and may be read back as whatever is on the medium.
            let mut state = lock(&self.state);
            *state = state.suspecting(state.mark);
            drop(state);
            self.doubt_uploads();
            self.latch(fault)
        })
    }

    /// Changes the state, on the medium first.
    fn record(&self, change: impl FnOnce(State) -> State) -> Result<(), ChangeError> {
        let _recording = lock(&self.recording);
        let next = change(*lock(&self.state));
        self.meta.record(&next).map_err(|fault| self.latch_if_tried(fault))?;
        *lock(&self.state) = next;
        Ok(())
    }
}

/// Digests remembered as right while others are suspect: 12 MiB. One more is hashed again when it is next asked for.
const BELIEVED_COUNT_MAX: usize = 1 << 18;

/// At 1 GB/s one mark waits for a sixteenth of a second, and its two syncs are a few percent of the time.
const UPLOAD_MARK_LEN: u64 = 64 << 20;
