//! How much a store may take: what it takes by now, what is on its way, and what has to go first.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use aqueduct_blob::{Algorithm, SEGMENT_LEN, UploadId, checkpoint_count};

use crate::disk::{Room, Stat};
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::poison::{alone, lock, share};
use crate::store::{Inner, Store};

/// How much a store may take. Where there is a limit, blobs that were used least lately are evicted before it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What all files of the store may take on the medium, in bytes; `None` is all there is.
    pub size_max: Option<u64>,
    /// What is to stay free of the filesystem, in bytes, whoever fills it.
    pub free_min: Option<u64>,
    /// How long a blob stays after somebody was told that it is there.
    pub lease: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size_max: None, free_min: None, lease: LEASE }
    }
}

impl Limits {
    /// Whether there is any, so that blobs may be evicted.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.size_max.is_some() || self.free_min.is_some()
    }

    /// Room that is made ahead of those who need it, in bytes.
    pub(crate) fn headroom(&self) -> u64 {
        let of_size = self.size_max.map(|size| (size / 16).min(HEADROOM_MAX));
        let of_free = self.free_min.map(|free| (free / 4).min(HEADROOM_MAX));
        of_size.into_iter().chain(of_free).min().unwrap_or(0)
    }
}

/// What a store takes beside its blobs, which the index counts, and may take.
#[derive(Debug)]
pub(crate) struct Space {
    limits: RwLock<Limits>,
    /// What was promised to blobs on their way that have no name yet.
    reserved: Arc<AtomicU64>,
    uploads: Mutex<Uploads>,
    /// Directories, databases, journals, quarantine: whatever is looked at now and then, and not counted as it grows.
    rest: AtomicU64,
}

#[derive(Debug, Default)]
struct Uploads {
    allocated: HashMap<UploadId, u64>,
    sum: u64,
}

/// Room for a blob on its way, given back when this is dropped. Where there are no limits it is none, and never refused.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    reserved: Option<Arc<AtomicU64>>,
    len: AtomicU64,
}

/// The store is full, and nothing may be evicted to make room.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store's limit is reached, and what could be evicted is pinned, in use, or was promised to somebody"
)]
struct LimitReached;

impl Store {
    /// Makes room ahead of those who will need it, and counts what is only counted now and then: to be called every second
    /// or so by whoever runs a store with [`Limits`]. After a kill, all blobs are counted first, which takes its time, and ends
    /// early once `goes_on` says no. Answers how many blobs it evicted.
    ///
    /// # Errors
    /// Where the store is read-only or the disk fails.
    pub fn keep_room(&self, goes_on: &dyn Fn() -> bool) -> Result<u64, ChangeError> {
        let inner = &self.inner;
        if !inner.is_limited() {
            return Ok(0);
        }
        inner.index.flush();
        let counted = inner.count_rest().map_err(ChangeError::from).and_then(|()| inner.recount(goes_on));
        let headroom = inner.limits().headroom();
        // What is known of the blobs is true as far as it goes.
        let evicted = match inner.shortfall(headroom, headroom)? {
            0 => 0,
            _ => inner.evict(|| inner.shortfall(headroom, headroom))?.count,
        };
        counted.map(|_| evicted)
    }

    /// How much it may take by now.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.inner.limits()
    }

    /// How much room its filesystem has.
    ///
    /// # Errors
    /// Where that cannot say (statvfs(3)).
    pub fn room(&self) -> io::Result<Room> {
        self.inner.disk.room()
    }

    /// Sets how much the store may take. A lower limit is reached by and by, with [`Store::keep_room`].
    ///
    /// To set a limit where the store was opened without any, or to lift all, is not possible while it is open: then only the
    /// lease is taken, and the answer is false.
    pub fn set_limits(&self, limits: Limits) -> bool {
        let inner = &self.inner;
        let is_possible = limits.is_limited() == inner.is_limited();
        let mut current = alone(&inner.space.limits);
        *current = if is_possible { limits } else { Limits { lease: limits.lease, ..*current } };
        drop(current);
        // With a higher limit, or a shorter lease.
        inner.evictor.hopes_again();
        is_possible
    }

    /// What all files of the store take on the medium, in bytes, what is reserved included, as far as it is counted by now.
    /// Without [`Limits`] nobody counts.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.inner.allocated()
    }
}

impl Inner {
    /// The limits as they are by now.
    pub(crate) fn limits(&self) -> Limits {
        *share(&self.space.limits)
    }

    /// Whether there are any, which stays as it is while the store is open: where there are none nobody counts.
    pub(crate) fn is_limited(&self) -> bool {
        self.options.limits.is_limited()
    }

    /// Counts whatever lies in the store of which nobody keeps count.
    pub(crate) fn count_space(&self) -> Result<(), StorageFault> {
        if !self.is_limited() {
            return Ok(());
        }
        for id in self.upload_ids()?.bytes {
            let path = layout::upload(id);
            if let Some(stat) = self.disk.stat_path(&path).blame("stat", &path)? {
                // A filesystem that cannot reserve takes it as it comes.
                self.space.keep_upload(id, stat.allocated.max(stat.size));
            }
        }
        self.count_rest()?;
        self.index.load();
        Ok(())
    }

    /// Room for `len` bytes of a blob on its way, made if need be.
    pub(crate) fn reserve(&self, len: u64) -> Result<Reservation, ChangeError> {
        let mut reservation = Reservation::default();
        if self.is_limited() {
            reservation.reserved = Some(Arc::clone(&self.space.reserved));
            self.enlarge(&mut reservation, len)?;
        }
        Ok(reservation)
    }

    /// Makes a reservation one of at least `len` bytes.
    pub(crate) fn enlarge(&self, reservation: &mut Reservation, len: u64) -> Result<(), ChangeError> {
        let len = blocks(len);
        let before = reservation.len();
        if reservation.reserved.is_none() || len <= before {
            return Ok(());
        }
        if !self.index.is_counted() {
            self.recount(&|| true)?;
        }
        reservation.set(len);
        for _ in 0..ATTEMPT_COUNT_MAX {
            if self.shortfall(0, len - before)? == 0 {
                return Ok(());
            }
            // Nobody is evicted for what does not fit anyway.
            let is_hopeless = !self.could_fit(len - before)?;
            // Others may have made the room, and others again have taken it.
            let is_stuck = is_hopeless || self.evict(|| self.shortfall(0, len - before))?.is_futile;
            // What is known after a kill may be wrong, and not all that could go.
            if is_stuck && !self.recount(&|| true)? {
                break;
            }
        }
        // Whoever evicted before may have made enough room for this, too.
        if self.shortfall(0, len - before)? == 0 {
            return Ok(());
        }
        reservation.set(before);
        let full = io::Error::new(io::ErrorKind::StorageFull, LimitReached);
        Err(StorageFault::new("make room in", layout::ROOT, full).into())
    }

    /// How many bytes have to go for `more` to fit below the largest size, and `written` into the filesystem. It is 1 where
    /// only files are too many.
    fn shortfall(&self, more: u64, written: u64) -> Result<u64, StorageFault> {
        let limits = self.limits();
        let size = self.allocated().saturating_add(more);
        let over = limits.size_max.map_or(0, |max| size.saturating_sub(max));
        let room = self.disk.room().blame("look at the room of", layout::ROOT)?;
        let missing = |min: u64| min.saturating_add(written).saturating_sub(room.available);
        let inodes_min = (room.inode_count / 100).min(INODES_FREE_MIN);
        let too_many = u64::from(room.inodes_available < inodes_min);
        Ok(over.max(limits.free_min.map_or(0, missing)).max(too_many))
    }

    /// Whether what is reserved fits below the largest size, and `written` into the filesystem, once all is evicted that is
    /// not pinned.
    fn could_fit(&self, written: u64) -> Result<bool, StorageFault> {
        let Limits { size_max, free_min, .. } = self.limits();
        let evictable = self.index.allocated().saturating_sub(self.pinned_allocated()?);
        let room = self.disk.room().blame("look at the room of", layout::ROOT)?;
        let fits_below = |max| self.allocated().saturating_sub(evictable) <= max;
        let fits_beside = |min: u64| room.available.saturating_add(evictable) >= min.saturating_add(written);
        Ok(size_max.is_none_or(fits_below) && free_min.is_none_or(fits_beside))
    }

    fn allocated(&self) -> u64 {
        let space = &self.space;
        let rest = space.rest.load(Ordering::Relaxed) + lock(&space.uploads).sum;
        self.index.allocated() + space.reserved.load(Ordering::Relaxed) + rest
    }

    fn count_rest(&self) -> Result<(), StorageFault> {
        let allocated = |path: &Path| -> Result<u64, StorageFault> {
            let stat = self.disk.stat_path(path).blame("stat", path)?;
            Ok(stat.map_or(0, |stat| stat.allocated))
        };
        let mut rest = 0;
        for directory in layout::directories() {
            rest += allocated(&directory)?;
        }
        for directory in [layout::ROOT, layout::QUARANTINE].map(Path::new) {
            for name in self.disk.list(directory).blame("list", directory)?.unwrap_or_default() {
                let path = directory.join(name);
                let stat = self.disk.stat_path(&path).blame("stat", &path)?;
                rest += stat.filter(|stat| stat.regular).map_or(0, |stat| stat.allocated);
            }
        }
        for id in self.upload_ids()?.journals {
            rest += allocated(&layout::journal(id))?;
        }
        self.space.rest.store(rest, Ordering::Relaxed);
        Ok(())
    }
}

impl Space {
    pub(crate) fn new(limits: Limits) -> Self {
        let (reserved, uploads, rest) = Default::default();
        Self { limits: RwLock::new(limits), reserved, uploads, rest }
    }

    /// Counts the bytes of an upload, which are reserved on the medium when it begins.
    pub(crate) fn keep_upload(&self, id: UploadId, allocated: u64) {
        let mut uploads = lock(&self.uploads);
        let before = uploads.allocated.insert(id, allocated).unwrap_or(0);
        uploads.sum = uploads.sum - before + allocated;
    }

    /// Counts the bytes of an upload as those of a blob on its way.
    pub(crate) fn reserve_upload(&self, id: UploadId) -> Reservation {
        let reservation =
            Reservation { reserved: Some(Arc::clone(&self.reserved)), len: AtomicU64::default() };
        let allocated = lock(&self.uploads).allocated.get(&id).copied().unwrap_or(0);
        reservation.set(allocated);
        self.forget_upload(id);
        reservation
    }

    /// The bytes of an upload have no name there any more.
    pub(crate) fn forget_upload(&self, id: UploadId) {
        let mut uploads = lock(&self.uploads);
        let before = uploads.allocated.remove(&id).unwrap_or(0);
        uploads.sum -= before;
    }
}

impl Reservation {
    fn set(&self, len: u64) {
        let Some(reserved) = &self.reserved else { return };
        reserved.fetch_add(len, Ordering::Relaxed);
        reserved.fetch_sub(self.len.swap(len, Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Gives the room back, since what it was for is counted elsewhere by now.
    pub(crate) fn release(&self) {
        self.set(0);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

/// What a blob takes on the medium, its checkpoint list included, which is derived and may be missing for a while.
pub(crate) fn footprint(algorithm: Algorithm, stat: &Stat) -> u64 {
    let list = match checkpoint_count(algorithm, stat.size) {
        _ if stat.size <= SEGMENT_LEN => 0,
        count => blocks(count * 32 + LIST_EXTRA_LEN),
    };
    stat.allocated + list
}

/// What a file of this length takes, in blocks as most filesystems have them.
fn blocks(len: u64) -> u64 {
    len.checked_next_multiple_of(BLOCK_LEN).unwrap_or(u64::MAX)
}

const BLOCK_LEN: u64 = 4096;

/// The head and the check of a checkpoint list.
const LIST_EXTRA_LEN: u64 = 56;

/// A build that asked which of its inputs are there fetches them within minutes.
const LEASE: Duration = Duration::from_secs(10 * 60);

/// More is written in no second.
const HEADROOM_MAX: u64 = 8 << 30;

/// Some hundred thousand files in a filesystem that has millions of inodes need no more of a reserve.
const INODES_FREE_MIN: u64 = 10_000;

/// How often others may take the room that was made.
const ATTEMPT_COUNT_MAX: usize = 16;
