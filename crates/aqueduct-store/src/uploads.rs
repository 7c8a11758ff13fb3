//! Uploads: blobs that come in pieces, and that can be gone on with.
//!
//! An upload is two files with names: its bytes and its journal. It is whatever its journal says: bytes without a journal,
//! or a journal whose bytes are not there, are rubbish, which is taken away when somebody asks for the upload or it
//! expires. So nothing has to be done about uploads when a store is opened.

mod journal;
mod receiving;
mod upload;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use crate::disk::{Boot, Linked};
use crate::fault::{Blame, ChangeError, ReadOnly, StorageFault};
use crate::index::Usage;
use crate::layout::{self, UploadFile};
use crate::poison::lock;
use crate::publish::{Outcome, Published};
use crate::store::{Inner, Store};
use crate::turns::Turns;

use journal::{Entry, Head, Journal, Told};
use receiving::Part;
use upload::{Shared, Stage};

pub use receiving::{Landed, Receiving, TakenOver};
pub use upload::{ClaimError, Counts, FinishError, ReceiveError, Upload};

/// What an upload is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPlan {
    /// How the blob will be named.
    pub algorithm: Algorithm,
    /// Its name, if the sender knows it.
    pub digest: Option<Digest>,
    /// Its size in bytes.
    pub size: u64,
}

/// What there is under an upload's id.
#[derive(Clone, Debug)]
pub enum Resumed {
    /// It was finished before, and its blob is still there.
    Stored(Published),
    /// It can be gone on with.
    Open(Upload),
}

/// Why an upload was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UploadError {
    /// The id stands for an upload of something else.
    #[error("the upload is of another blob")]
    Conflict,
    /// There are as many as the store takes.
    #[error("there are {limit} uploads already; finish, drop or await some of them")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// The store takes no changes, or the disk failed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StorageFault> for UploadError {
    fn from(fault: StorageFault) -> Self {
        Self::Change(fault.into())
    }
}

impl From<ReadOnly> for UploadError {
    fn from(error: ReadOnly) -> Self {
        Self::Change(error.into())
    }
}

/// An upload, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadListed {
    /// Its name among uploads.
    pub id: UploadId,
    /// What it is to become.
    pub plan: UploadPlan,
    /// Bytes that are held.
    pub verified_len: u64,
    /// When something of it came last, in seconds since 1970.
    pub used: i64,
    /// The name of its blob, if it was finished and the blob is still there.
    pub stored: Option<Digest>,
}

/// How many uploads a store takes at once: a directory of twice as many names is still read in milliseconds. Finished ones
/// do not count.
pub const UPLOAD_COUNT_MAX: usize = 10_000;

/// How many receivers wait in the middle of a segment. Each holds two descriptors and what is known of its upload.
const PARKED_COUNT_MAX: usize = 256;

/// A longer file is no journal: this one would speak of 40 TiB, or of as much that was sent again and again.
const JOURNAL_LEN_MAX: usize = 1 << 30;

/// No boot is this one: what came before it does not outlive it.
const END_OF_SESSION: Entry = Entry::Session(Boot([0; 32]));

/// The uploads of a store that are open.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    open: Mutex<HashMap<UploadId, Weak<Shared>>>,
    parked: Mutex<HashMap<UploadId, Parked>>,
    /// No name that was taken away since the store was opened, or before, may come back. False until it is known.
    is_gone_for_good: AtomicBool,
    /// Held while an upload is opened or taken away, so that nobody sees it half made.
    turns: Turns<UploadId>,
}

/// A receiver in the middle of its segment, which keeps its upload open.
#[derive(Debug)]
struct Parked {
    shared: Arc<Shared>,
    part: Part,
}

impl Store {
    /// Opens the upload `id`, or begins it where there is none, and reserves its space. `plan` is what it was begun with.
    ///
    /// # Errors
    /// Where it was begun with another plan; where there are too many; where the store is read-only, or the disk is full
    /// or failing.
    pub fn upload(&self, id: UploadId, plan: &UploadPlan) -> Result<Resumed, UploadError> {
        let inner = &self.inner;
        let _turn = inner.uploads.turns.take(id);
        match inner.resume(id, Some(plan))? {
            Some(resumed) => Ok(resumed),
            None => Ok(Resumed::Open(inner.begin_upload(id, plan)?)),
        }
    }

    /// Opens the upload `id`; `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::upload`].
    pub fn find_upload(&self, id: UploadId) -> Result<Option<Resumed>, UploadError> {
        let _turn = self.inner.uploads.turns.take(id);
        self.inner.resume(id, None)
    }

    /// Up to `limit` uploads in the order of their ids, from the one after `after` on.
    ///
    /// # Errors
    /// Where the directory or a journal cannot be read.
    pub fn uploads(&self, after: Option<UploadId>, limit: usize) -> Result<Vec<UploadListed>, StorageFault> {
        let inner = &self.inner;
        let mut listed = Vec::new();
        for id in inner.upload_ids()?.journals.into_iter().filter(|id| Some(*id) > after) {
            if listed.len() == limit {
                break;
            }
            listed.extend(inner.look_at_upload(id)?);
        }
        Ok(listed)
    }

    /// How many uploads there are that are not finished, and how many bytes their blobs will have, for which space is
    /// reserved.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn upload_usage(&self) -> Result<Usage, StorageFault> {
        let inner = &self.inner;
        let mut usage = Usage { count: 0, size: 0 };
        for id in inner.upload_ids()?.bytes {
            let path = layout::upload(id);
            if let Some(stat) = inner.disk.stat_path(&path).blame("stat", &path)? {
                usage = Usage { count: usage.count + 1, size: usage.size + stat.size };
            }
        }
        Ok(usage)
    }

    /// Takes an upload away, with what was received; false where there was none. Who has it open can do nothing more with
    /// it. A blob that it became stays.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn drop_upload(&self, id: UploadId) -> Result<bool, ChangeError> {
        let _turn = self.inner.uploads.turns.take(id);
        self.inner.drop_upload(id)
    }

    /// Takes away the uploads, finished or not, of which nothing came for `idle` and that nobody has open, and tells how
    /// many there were.
    ///
    /// # Errors
    /// As [`Store::drop_upload`], at the first that cannot be taken away.
    pub fn expire_uploads(&self, idle: Duration) -> Result<usize, ChangeError> {
        let inner = &self.inner;
        let idle = i64::try_from(idle.as_secs()).unwrap_or(i64::MAX);
        let mut count = 0;
        for id in inner.upload_ids()?.all() {
            let _turn = inner.uploads.turns.take(id);
            let used = inner.upload_used(id)?;
            let is_idle = used.is_some_and(|used| inner.disk.now().saturating_sub(used) >= idle);
            if is_idle && !inner.uploads.is_in_use(id) && inner.drop_upload(id)? {
                count += 1;
            }
        }
        Ok(count)
    }
}

impl Inner {
    /// Opens what there is; whoever calls has the turn.
    fn resume(
        self: &Arc<Self>,
        id: UploadId,
        plan: Option<&UploadPlan>,
    ) -> Result<Option<Resumed>, UploadError> {
        let fits = |found: &UploadPlan| plan.is_none_or(|plan| plan == found);
        if let Some(shared) = self.uploads.open(id) {
            match shared.stage() {
                Stage::Open | Stage::Named if fits(&shared.plan) => {
                    return Ok(Some(Resumed::Open(Upload { inner: Arc::clone(self), shared })));
                }
                Stage::Open | Stage::Named => return Err(UploadError::Conflict),
                Stage::Stored(_) | Stage::Gone => {}
            }
        }
        let Some(told) = self.read_upload(id)? else { return Ok(None) };
        let plan = told.head.plan;
        if !fits(&plan) {
            return Err(UploadError::Conflict);
        }
        let resumed = match told.named {
            Some(digest) if self.is_stored(id, &digest)? => {
                let published = Published { digest, size: plan.size, outcome: Outcome::AlreadyPresent };
                Some(Resumed::Stored(published))
            }
            Some(_) => self.reopen_named(id, told)?.map(Resumed::Open),
            None => self.reopen(id, told)?.map(Resumed::Open),
        };
        match resumed {
            Some(resumed) => Ok(Some(resumed)),
            // Its blob was removed since, or nothing of it counts: it begins anew, in a file that nobody ever saw.
            None => Ok(Some(Resumed::Open(self.begin_upload(id, &plan)?))),
        }
    }

    /// Begins an upload in the place of whatever has its id.
    fn begin_upload(self: &Arc<Self>, id: UploadId, plan: &UploadPlan) -> Result<Upload, UploadError> {
        self.begin_changes()?;
        self.remove_upload_files(id)?;
        self.make_room()?;
        // A power cut that brings back the one old file beside the other new one must not make an upload of them.
        if !self.uploads.is_gone_for_good.swap(true, Ordering::AcqRel) {
            self.sync_directory(Path::new(layout::UPLOADS))?;
        }
        let disk = &*self.disk;
        let path = layout::upload(id);
        let file = disk.stage_writable().blame("stage", &path)?;
        if plan.size > 0 {
            disk.reserve(&file, plan.size).blame("reserve", &path)?;
        }
        disk.set_len(&file, plan.size).blame("lengthen", &path)?;
        let journal_path = layout::journal(id);
        let journal_file = disk.stage_writable().blame("stage", &journal_path)?;
        let boot = disk.boot().blame("identify the boot of", layout::ROOT)?;
        let head = Head { id, plan: *plan };
        let journal = Journal::begin(disk, &journal_file, &head, boot).blame("write", &journal_path)?;
        self.link_new(&file, &path)?;
        self.link_new(&journal_file, &journal_path)?;
        let assembly = aqueduct_blob::Assembly::new(plan.algorithm, plan.size);
        let shared = Shared::new(id, *plan, (file, journal_file), (assembly, journal), Stage::Open);
        Ok(self.keep_open(shared))
    }

    /// Opens an upload that was begun; `None` where its bytes are not what its journal speaks of.
    fn reopen(self: &Arc<Self>, id: UploadId, told: Told) -> Result<Option<Upload>, UploadError> {
        // Where nothing counts there is nothing to keep.
        if told.assembly.held_len() == 0 {
            return Ok(None);
        }
        let path = layout::upload(id);
        let opened = match self.disk.open_writable(&path) {
            // Sealed: it was about to be a blob, or is one.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            opened => opened.blame("open", &path)?,
        };
        let Some(file) = opened else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        // A file with another name may be a blob, which nobody may write.
        if !stat.regular || stat.size < told.head.plan.size || stat.links != 1 {
            return Ok(None);
        }
        self.reopen_journal(id, told, file, Stage::Open)
    }

    fn reopen_journal(
        self: &Arc<Self>,
        id: UploadId,
        told: Told,
        file: File,
        stage: Stage,
    ) -> Result<Option<Upload>, UploadError> {
        let Told { head, assembly, mut journal, is_current, .. } = told;
        let path = layout::journal(id);
        let Some(journal_file) = self.disk.open_writable(&path).blame("open", &path)? else {
            return Ok(None);
        };
        if !is_current {
            self.begin_changes()?;
            let boot = self.disk.boot().blame("identify the boot of", layout::ROOT)?;
            let session = [Entry::Session(boot)];
            journal.append(&*self.disk, &journal_file, &session).blame("append to", &path)?;
        }
        let shared = Shared::new(id, head.plan, (file, journal_file), (assembly, journal), stage);
        Ok(Some(self.keep_open(shared)))
    }

    /// Whether the blob that an upload was about to be is there, as durable as the policy asks.
    fn is_stored(self: &Arc<Self>, id: UploadId, digest: &Digest) -> Result<bool, UploadError> {
        let store = Store { inner: Arc::clone(self) };
        let is_stored = store.has(digest)?;
        if is_stored {
            // Who named it may not have lived to take this name away.
            drop(self.unlink_upload(&layout::upload(id)));
        }
        Ok(is_stored)
    }

    /// Opens an upload that was about to be a blob, and may have been one. All of it is held, and no byte of it is ever
    /// written again: somebody may be reading it. `None` where its bytes are not there.
    fn reopen_named(self: &Arc<Self>, id: UploadId, told: Told) -> Result<Option<Upload>, UploadError> {
        let path = layout::upload(id);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        if told.assembly.missing().next().is_some() || !stat.regular || stat.size != told.head.plan.size {
            return Ok(None);
        }
        self.reopen_journal(id, told, file, Stage::Named)
    }

    /// What an upload's journal says; `None` where there is none that makes sense. Changes nothing.
    fn read_upload(&self, id: UploadId) -> Result<Option<Told>, StorageFault> {
        let path = layout::journal(id);
        let Some(file) = self.disk.open(&path).blame("open", &path)? else { return Ok(None) };
        let stat = self.disk.stat(&file).blame("stat", &path)?;
        let len = usize::try_from(stat.size).ok().filter(|len| *len <= JOURNAL_LEN_MAX);
        let Some(len) = len.filter(|_| stat.regular) else { return Ok(None) };
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).blame("read", &path)?;
        let boot = self.disk.boot().blame("identify the boot of", layout::ROOT)?;
        Ok(journal::read(&bytes, boot).filter(|told| told.head.id == id))
    }

    fn look_at_upload(&self, id: UploadId) -> Result<Option<UploadListed>, StorageFault> {
        let Some(used) = self.upload_used(id)? else { return Ok(None) };
        let listed = |plan, verified_len, stored| UploadListed { id, plan, verified_len, used, stored };
        if let Some(shared) = self.uploads.open(id)
            && matches!(shared.stage(), Stage::Open | Stage::Named)
        {
            return Ok(Some(listed(shared.plan, shared.held_len(), None)));
        }
        let Some(told) = self.read_upload(id)? else { return Ok(None) };
        let (plan, Some(digest)) = (told.head.plan, told.named) else {
            return Ok(Some(listed(told.head.plan, told.assembly.held_len(), None)));
        };
        let path = layout::blob(&digest);
        let is_stored = self.disk.stat_path(&path).blame("stat", &path)?.is_some();
        Ok(Some(listed(plan, plan.size, is_stored.then_some(digest))))
    }

    /// When something of an upload came last; `None` where there is nothing.
    fn upload_used(&self, id: UploadId) -> Result<Option<i64>, StorageFault> {
        let mut used = None;
        for path in [layout::upload(id), layout::journal(id)] {
            let stat = self.disk.stat_path(&path).blame("stat", &path)?;
            used = used.max(stat.filter(|stat| stat.regular).map(|stat| stat.changed));
        }
        Ok(used)
    }

    fn drop_upload(&self, id: UploadId) -> Result<bool, ChangeError> {
        self.begin_changes()?;
        let was_there = match self.uploads.open(id).filter(|shared| shared.stage() != Stage::Gone) {
            Some(shared) => shared.take_away(self)?,
            None => self.remove_upload_files(id)?,
        };
        self.uploads.unpark(id);
        if !self.is_loose() {
            self.sync_directory(Path::new(layout::UPLOADS))?;
        }
        Ok(was_there)
    }

    /// The journal first: without it the bytes are rubbish.
    fn remove_upload_files(&self, id: UploadId) -> Result<bool, StorageFault> {
        let mut was_there = false;
        for path in [layout::journal(id), layout::upload(id)] {
            was_there |= self.unlink_upload(&path)?;
        }
        Ok(was_there)
    }

    /// Takes away a file of an upload; whoever does has the turn, or the upload's own lock.
    fn unlink_upload(&self, path: &Path) -> Result<bool, StorageFault> {
        let was_there = self.disk.unlink(path).blame("unlink", path)?;
        if was_there {
            self.uploads.is_gone_for_good.store(false, Ordering::Release);
        }
        Ok(was_there)
    }

    /// Sees that one more upload does not make too many. Journals of those that are finished are kept only as long as they
    /// are few: without one, a sender that did not hear the answer asks for the blob, or sends it again.
    fn make_room(&self) -> Result<(), UploadError> {
        let ids = self.upload_ids()?;
        if ids.bytes.len() >= UPLOAD_COUNT_MAX {
            return Err(UploadError::TooMany { limit: UPLOAD_COUNT_MAX });
        }
        if ids.journals.len() >= 2 * UPLOAD_COUNT_MAX {
            for id in ids.journals.difference(&ids.bytes) {
                self.unlink_upload(&layout::journal(*id))?;
            }
        }
        Ok(())
    }

    /// A sync of everything failed: pages of uploads may be taken for clean that were not written, and no later sync says
    /// so. What no mark covers does not count any more, as if the machine had been started anew. Where that cannot be
    /// recorded, the kernel may still tell whoever syncs the file next.
    pub(crate) fn doubt_uploads(&self) {
        for id in self.upload_ids().into_iter().flat_map(|ids| ids.journals) {
            let doubted = match self.uploads.open(id) {
                Some(shared) => shared.end_session(&*self.disk),
                None => self.end_session(id),
            };
            drop(doubted);
        }
    }

    fn end_session(&self, id: UploadId) -> io::Result<()> {
        let told = self.read_upload(id).map_err(io::Error::other)?;
        let file = self.disk.open_writable(&layout::journal(id))?;
        match (told, file) {
            (Some(mut told), Some(file)) => told.journal.append(&*self.disk, &file, &[END_OF_SESSION]),
            _ => Ok(()),
        }
    }

    fn upload_ids(&self) -> Result<UploadIds, StorageFault> {
        let path = Path::new(layout::UPLOADS);
        let names = self.disk.list(path).blame("list", path)?.unwrap_or_default();
        let mut ids = UploadIds::default();
        for file in names.iter().filter_map(|name| layout::upload_at(name)) {
            match file {
                UploadFile::Bytes(id) => ids.bytes.insert(id),
                UploadFile::Journal(id) => ids.journals.insert(id),
            };
        }
        Ok(ids)
    }

    fn link_new(&self, file: &File, path: &Path) -> Result<(), StorageFault> {
        match self.disk.link(file, path).blame("link", path)? {
            Linked::New => Ok(()),
            // It was free a moment ago, and the turn is ours.
            Linked::Exists => {
                Err(StorageFault::new("link", path, io::Error::from(io::ErrorKind::AlreadyExists)))
            }
        }
    }

    fn keep_open(self: &Arc<Self>, shared: Shared) -> Upload {
        let shared = Arc::new(shared);
        let mut open = lock(&self.uploads.open);
        open.retain(|_, shared| shared.strong_count() > 0);
        open.insert(shared.id, Arc::downgrade(&shared));
        drop(open);
        Upload { inner: Arc::clone(self), shared }
    }
}

impl Uploads {
    /// The upload, if somebody has it open.
    fn open(&self, id: UploadId) -> Option<Arc<Shared>> {
        lock(&self.open).get(&id).and_then(Weak::upgrade)
    }

    /// Whether anybody has the upload open, beside a receiver that is parked.
    fn is_in_use(&self, id: UploadId) -> bool {
        let parked_count = usize::from(lock(&self.parked).contains_key(&id));
        let open = lock(&self.open);
        open.get(&id).is_some_and(|shared| shared.strong_count() > parked_count)
    }

    fn park(&self, newcomer: Parked) {
        let mut parked = lock(&self.parked);
        if parked.len() >= PARKED_COUNT_MAX && !parked.contains_key(&newcomer.shared.id) {
            // Whose is as good as any other: it costs its sender part of a segment.
            let Some(id) = parked.keys().next().copied() else { return };
            parked.remove(&id);
        }
        parked.insert(newcomer.shared.id, newcomer);
    }

    fn unpark(&self, id: UploadId) -> Option<Parked> {
        lock(&self.parked).remove(&id)
    }

    fn look_at_parked<T>(&self, id: UploadId, look: impl FnOnce(&Parked) -> Option<T>) -> Option<T> {
        lock(&self.parked).get(&id).and_then(look)
    }
}

/// The ids for which there are files.
#[derive(Debug, Default)]
struct UploadIds {
    bytes: BTreeSet<UploadId>,
    journals: BTreeSet<UploadId>,
}

impl UploadIds {
    fn all(self) -> BTreeSet<UploadId> {
        self.bytes.union(&self.journals).copied().collect()
    }
}
