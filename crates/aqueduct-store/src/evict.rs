//! Taking away what was used least lately, so that there is room for what comes.
//!
//! The index is read for the blobs that were used least lately, some ten thousand at a time, and they go in batches. Whoever
//! is told that a blob is there notes so while names stand still, and names are taken away while nobody gives or is told of
//! any: so of each blob of a batch it is known whether it was promised to somebody meanwhile.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use aqueduct_blob::Digest;

use crate::blob::Blob;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::index::{Note, Row};
use crate::layout;
use crate::poison::{lock, share};
use crate::space::footprint;
use crate::store::{Inner, Store};

/// What is known of blobs that may go.
#[derive(Debug, Default)]
pub(crate) struct Evictor {
    /// Who evicts holds it; those who come meanwhile wait for the room that is made.
    candidates: Mutex<Candidates>,
    /// Blobs that were opened, as long as anybody may have them open.
    open: Mutex<HashMap<Digest, Vec<Weak<File>>>>,
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Candidates {
    list: VecDeque<(Digest, Row)>,
    /// When the index was read, and nothing was found that may go.
    futile: Option<i64>,
}

/// What was evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evicted {
    pub(crate) count: u64,
    /// What they took, in bytes.
    pub(crate) allocated: u64,
    /// Room was needed, and nothing may go.
    pub(crate) is_futile: bool,
}

impl Store {
    /// How many blobs were evicted since the store was opened.
    #[must_use]
    pub fn evicted_count(&self) -> u64 {
        self.inner.evictor.count()
    }

    /// Whether blobs may be evicted: whoever tells that one is there has to see that it is told to the store, too.
    #[must_use]
    pub fn evicts(&self) -> bool {
        self.inner.is_limited()
    }

    /// Notes that a blob was used of which no file was needed. Asks no disk.
    pub fn used(&self, digest: &Digest) {
        self.inner.index.note(Note::Used { digest: *digest, at: self.inner.disk.now() });
    }
}

impl Evictor {
    /// Something may go that was not to go before.
    pub(crate) fn hopes_again(&self) {
        lock(&self.candidates).futile = None;
    }

    /// How many blobs were evicted since the store was opened.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Inner {
    /// Whether a name is there, and from now on stays for as long as a lease: for those who tell others so. To be called with
    /// nothing locked.
    pub(crate) fn promise(&self, digest: &Digest) -> Result<bool, StorageFault> {
        if !self.is_limited() {
            return Ok(true);
        }
        let path = layout::blob(digest);
        let _naming = share(&self.names);
        let is_there = self.disk.stat_path(&path).blame("stat", &path)?.is_some();
        if is_there {
            self.index.note(Note::Told { digest: *digest, at: self.disk.now() });
        }
        Ok(is_there)
    }

    /// Remembers that somebody has a blob open.
    pub(crate) fn keep_in_flight(&self, blob: &Blob) {
        if !self.is_limited() {
            return;
        }
        let mut open = lock(&self.evictor.open);
        if open.len() >= OPEN_COUNT_SWEPT && open.len() == open.capacity() {
            open.retain(|_, files| files.iter().any(|file| file.strong_count() > 0));
        }
        let files = open.entry(blob.digest()).or_default();
        files.retain(|file| file.strong_count() > 0);
        files.push(blob.downgrade());
    }

    /// Takes blobs away as long as `shortfall` says that bytes are missing, and as much more as is convenient, or until there
    /// are none that may go.
    pub(crate) fn evict(
        &self,
        shortfall: impl Fn() -> Result<u64, StorageFault>,
    ) -> Result<Evicted, ChangeError> {
        self.begin_changes()?;
        let mut candidates = lock(&self.evictor.candidates);
        // Whoever evicted meanwhile may have made enough room.
        let wanted = match shortfall()? {
            0 => return Ok(Evicted::default()),
            short => short.saturating_add(self.limits().headroom()),
        };
        let mut evicted = Evicted::default();
        let mut has_looked = false;
        while evicted.allocated < wanted {
            if candidates.list.is_empty() {
                if has_looked || !self.look_for_candidates(&mut candidates)? {
                    break;
                }
                has_looked = true;
            }
            // No more than are needed, as far as the rows can tell.
            let mut expected = evicted.allocated;
            let mut batch = Vec::new();
            while batch.len() < BATCH_COUNT && expected < wanted {
                let Some((digest, row)) = candidates.list.pop_front() else { break };
                expected += row.allocated;
                batch.push((digest, row));
            }
            let gone = self.evict_batch(&batch)?;
            evicted.count += gone.count;
            evicted.allocated += gone.allocated;
            self.index.write_if_many();
            // Of many that were left some may go by now.
            has_looked &= gone.count == 0;
        }
        evicted.is_futile = evicted.count == 0;
        Ok(evicted)
    }

    /// Reads the index for what may go; false where nothing may, which is not looked for again and again by everybody who
    /// needs room.
    fn look_for_candidates(&self, candidates: &mut Candidates) -> Result<bool, StorageFault> {
        let now = self.disk.now();
        if candidates.futile.is_some_and(|at| (at..at.saturating_add(FUTILE_TIME)).contains(&now)) {
            return Ok(false);
        }
        let spared = |digest: &Digest, row: &Row| self.spares(digest, row);
        candidates.list.extend(self.index.least_used(CANDIDATE_COUNT, &spared)?);
        candidates.futile = candidates.list.is_empty().then_some(now);
        Ok(!candidates.list.is_empty())
    }

    fn evict_batch(&self, batch: &[(Digest, Row)]) -> Result<Evicted, ChangeError> {
        let digests: Vec<_> = batch.iter().map(|(digest, _)| *digest).collect();
        let (epoch, rows) = self.index.rows(&digests)?;
        let unchanged = batch.iter().zip(rows).filter(|((_, before), now)| *now == Some(*before));
        let mut leaving = Vec::new();
        for ((digest, row), _) in unchanged {
            if !self.spares(digest, row) && !self.is_in_flight(digest) {
                // To give blocks back takes time, a millisecond each where the disk is told of them (discard in ext4(5)),
                // which is better spent when names are free again.
                let path = layout::blob(digest);
                // Where there are no descriptors for it, it takes as long as it takes.
                let file = self.disk.open(&path).unwrap_or_default();
                leaving.push((*digest, *row, path, file));
            }
        }
        let mut evicted = Evicted::default();
        let mut gone = Vec::new();
        let taken: Result<(), StorageFault> = {
            let _alone = self.alone_on_record()?;
            let noted = self.index.noted_since(epoch);
            leaving.iter().try_for_each(|(digest, row, path, _)| {
                // Used, promised, or named anew since the rows were read; or nobody knows.
                if noted.as_ref().is_none_or(|noted| noted.contains(digest)) || self.is_pinned(digest)? {
                    return Ok(());
                }
                let Some(stat) = self.disk.stat_path(path).blame("stat", path)? else {
                    // Somebody else took it away.
                    self.index.note(Note::Gone { digest: *digest, allocated: row.allocated });
                    return Ok(());
                };
                let allocated = footprint(digest.algorithm(), &stat);
                if self.disk.unlink(path).blame("unlink", path)? {
                    self.doubts.named(digest, None);
                    self.index.note(Note::Gone { digest: *digest, allocated });
                    evicted.count += 1;
                    evicted.allocated += allocated;
                    gone.push(*digest);
                }
                Ok(())
            })
        };
        self.evictor.count.fetch_add(evicted.count, Ordering::Relaxed);
        // Not synced before the store is closed: one that a power cut brings back is as right as it was, and counted anew.
        for digest in &gone {
            self.watchers.tell(digest);
            // Derived: one that stays is held against the next blob of this name, and found right or wanting.
            drop(self.disk.unlink(&layout::checkpoints(digest)));
        }
        // Those that stay where that fails are not found any more, and dropped by whoever looks for them.
        drop(self.drop_entries_of(&gone));
        taken?;
        Ok(evicted)
    }

    /// Whether a blob stays whatever room is needed.
    fn spares(&self, digest: &Digest, row: &Row) -> bool {
        let lease = i64::try_from(self.limits().lease.as_secs()).unwrap_or(i64::MAX);
        // A clock that was set back by more than a lease would keep everything for as long as that.
        let is_leased = self.disk.now().saturating_sub(row.told).saturating_abs() < lease;
        // What cannot be known counts as yes.
        is_leased || self.is_pinned(digest).unwrap_or(true)
    }

    /// Whether anybody has a blob open who does more than keep it at hand.
    fn is_in_flight(&self, digest: &Digest) -> bool {
        let is_open = || {
            let mut open = lock(&self.evictor.open);
            let is_open =
                open.get(digest).is_some_and(|files| files.iter().any(|file| file.strong_count() > 0));
            if !is_open {
                open.remove(digest);
            }
            is_open
        };
        is_open() && {
            // Those who keep it at hand let go of it.
            self.watchers.tell(digest);
            is_open()
        }
    }
}

impl Blob {
    fn downgrade(&self) -> Weak<File> {
        Arc::downgrade(self.shared_file())
    }
}

/// Blobs that are looked for at once: 8 MiB of memory, and one pass over the index for so many that go.
const CANDIDATE_COUNT: usize = 1 << 16;

/// How long nothing is looked for after nothing was found, in seconds: to read the rows of two million blobs takes one.
const FUTILE_TIME: i64 = 5;

/// Names that are taken away at once: in a millisecond, for which nobody can give any. As many files are open meanwhile.
const BATCH_COUNT: usize = 64;

/// Entries from which on those that nobody has open are swept out, whenever the map would grow.
const OPEN_COUNT_SWEPT: usize = 1024;
