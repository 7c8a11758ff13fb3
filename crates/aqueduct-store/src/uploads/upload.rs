//! An upload that is open.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};

use aqueduct_blob::{Assembly, Digest, OutOfBounds, UploadId, segment_count};

use super::journal::{Entry, Journal};
use super::receiving::{Landed, Lane, Part, Receiving};
use super::{END_OF_SESSION, Parked, UploadPlan};
use crate::disk::Disk;
use crate::fault::{Blame, ChangeError, StorageFault};
use crate::layout;
use crate::poison::lock;
use crate::publish::{PublishError, Published};
use crate::staging::Verified;
use crate::store::Inner;

/// A blob that comes in segment by segment, in any order and from any number of senders, and that can be gone on with
/// after any of them, this process or the power has gone away.
///
/// Every segment is hashed once, on its way in. Nothing of it is visible before [`Upload::finish`]. Clones, and everyone
/// who opens the same id, share it. What is received is on record when [`Receiving::finish`] returns: a kill loses
/// nothing of that, and a power cut at most the last
/// [`upload_mark_len`](crate::Options::upload_mark_len) bytes, unless the store does not sync at all.
///
/// Memory: what [`Assembly`] says, and as much again for the segments that are being received.
#[derive(Clone, Debug)]
pub struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
}

/// What all who have an upload open share. It does not hold the store, which may hold it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: UploadId,
    pub(super) plan: UploadPlan,
    pub(super) file: File,
    journal_file: File,
    progress: Mutex<Progress>,
    /// Held while everything that was received is synced, so that one does it for all.
    marking: Mutex<()>,
    /// Held while the blob gets its name.
    finishing: Mutex<()>,
    /// Nothing is received any more.
    pub(super) is_gone: AtomicBool,
    pub(super) counts: Counted,
}

#[derive(Debug)]
struct Progress {
    assembly: Assembly,
    journal: Journal,
    /// Those that are being received; others may be in it until it is looked through.
    lanes: HashMap<u64, Weak<Lane>>,
    /// Bytes received since the last mark.
    unsynced_len: u64,
    /// Its names may not survive a power cut.
    is_name_loose: bool,
    stage: Stage,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Segments are received.
    Open,
    /// All are held, and no byte is written any more. The blob may have its name.
    Named,
    /// It has.
    Stored(Published),
    /// It was dropped.
    Gone,
}

/// What an upload has done in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that were written.
    pub received: u64,
    /// Bytes that were hashed. Each is, once, on its way in.
    pub hashed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counted {
    received: AtomicU64,
    hashed: AtomicU64,
}

/// Why a segment cannot be received now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// It is held.
    #[error("the segment is there already")]
    AlreadyHeld,
    /// The chain before it is not known: neither is the segment before it held, nor was its end claimed.
    #[error("the segment can be checked only once the checkpoint before it is known")]
    StateUnknown,
    /// There is no such segment.
    #[error("the blob has {count} segments")]
    OutOfBounds {
        /// How many there are.
        count: u64,
    },
    /// The upload was dropped.
    #[error("the upload was dropped")]
    Gone,
}

/// Why claims were not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClaimError {
    /// There are no such checkpoints.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// Records had to be dropped, and the disk failed: the whole upload may be gone.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Why an upload is not a blob yet.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FinishError {
    /// Segments have to be sent: the first of them, in order, at most 4096.
    #[error("segments are missing, the first of them number {}", .0[0])]
    Missing(Vec<u64>),
    /// Segments were damaged and have to be sent again. They are missing from now on.
    #[error("{} segments are damaged", .0.len())]
    Broken(Vec<u64>),
    /// Everything is there, and is another blob.
    #[error("the bytes are {actual}, not {expected}")]
    Mismatch {
        /// The name it was to have.
        expected: Digest,
        /// The name of the bytes.
        actual: Digest,
    },
    /// The upload was dropped.
    #[error("the upload was dropped")]
    Gone,
    /// It is whole, and could not be published. To try again needs no byte.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<ChangeError> for FinishError {
    fn from(error: ChangeError) -> Self {
        Self::Publish(error.into())
    }
}

impl Upload {
    /// Its name among uploads.
    pub fn id(&self) -> UploadId {
        self.shared.id
    }

    /// What it is to become.
    pub fn plan(&self) -> UploadPlan {
        self.shared.plan
    }

    /// Where in the blob its segments lie that are held: in order, neighbours joined.
    pub fn held_ranges(&self) -> Vec<Range<u64>> {
        self.progress().assembly.held_ranges()
    }

    /// Bytes that are held.
    pub fn held_len(&self) -> u64 {
        self.progress().assembly.held_len()
    }

    /// The first `limit` segments that are not held, in order.
    pub fn missing(&self, limit: usize) -> Vec<u64> {
        self.progress().assembly.missing().take(limit).collect()
    }

    /// Whether the sender has claimed its whole checkpoint list since the upload was opened.
    pub fn has_all_claims(&self) -> bool {
        self.progress().assembly.has_all_claims()
    }

    /// What this process received and hashed of it, since it was opened.
    pub fn counts(&self) -> Counts {
        let Counted { received, hashed } = &self.shared.counts;
        Counts { received: received.load(Ordering::Relaxed), hashed: hashed.load(Ordering::Relaxed) }
    }

    /// Takes `entries` as what the sender says of its checkpoint list, from entry `first` on. Returns the segments whose
    /// records disagree, in order: they have to be sent again.
    ///
    /// # Errors
    /// Where the blob has no such checkpoints, or it could not be recorded that segments are not held any more.
    pub fn claim(&self, first: u64, entries: &[[u8; 32]]) -> Result<Vec<u64>, ClaimError> {
        let dropped = {
            let mut progress = self.progress();
            if progress.stage != Stage::Open {
                // Every link held without them.
                return Ok(Vec::new());
            }
            let dropped = progress.assembly.claim(first, entries)?;
            self.record_dropped(&mut progress, &dropped).map(|()| dropped)
        };
        Ok(dropped.map_err(|fault| self.condemn(fault))?)
    }

    /// Forgets everything that the sender claimed.
    pub fn forget_claims(&self) {
        self.progress().assembly.forget_claims();
    }

    /// Begins to receive segment `index`. Whoever received it before has been taken over when this returns: what it was
    /// writing is written, and it writes no more.
    ///
    /// # Errors
    /// Where the segment is held, or cannot be hashed yet, or does not exist.
    pub fn receive(&self, index: u64) -> Result<Receiving, ReceiveError> {
        let count = segment_count(self.shared.plan.size);
        if index >= count {
            return Err(ReceiveError::OutOfBounds { count });
        }
        let lane = self.progress().lane(index);
        // Waits for the turn of whoever has the segment; then nobody can land it.
        let mut current = lock(&lane);
        let hasher = {
            let progress = self.progress();
            match progress.stage {
                Stage::Gone => return Err(ReceiveError::Gone),
                Stage::Open if !progress.assembly.is_held(index) => {}
                _ => return Err(ReceiveError::AlreadyHeld),
            }
            progress.assembly.begin(index).ok_or(ReceiveError::StateUnknown)?
        };
        *current += 1;
        let number = *current;
        drop(current);
        Ok(Receiving { upload: self.clone(), part: Part { hasher, lane, number, has_failed: false } })
    }

    /// How much is held from the start on, without a gap, with what a parked receiver has of the segment after that.
    pub fn offset(&self) -> u64 {
        let missing = self.progress().assembly.missing().next();
        let Some(index) = missing else { return self.shared.plan.size };
        let parked = self.inner.uploads.look_at_parked(self.shared.id, |parked| {
            (parked.part.hasher.index() == index && self.is_ours(parked)).then(|| parked.part.offset())
        });
        parked.unwrap_or(index * aqueduct_blob::SEGMENT_LEN)
    }

    /// Keeps a receiver in the middle of its segment for whoever goes on with the upload, as long as this process lives and
    /// there are not too many.
    pub fn park(&self, receiving: Receiving) {
        let Receiving { upload, part } = receiving;
        assert!(Arc::ptr_eq(&upload.shared, &self.shared), "a receiver is parked with its own upload");
        if !part.has_failed && part.hasher.left() > 0 {
            self.inner.uploads.park(Parked { shared: upload.shared, part });
        }
    }

    /// The receiver that was parked, if it is there and nobody has taken its segment over.
    pub fn unpark(&self) -> Option<Receiving> {
        let parked = self.inner.uploads.unpark(self.shared.id)?;
        let is_ours = self.is_ours(&parked);
        let receiving = Receiving { upload: self.clone(), part: parked.part };
        (is_ours && !receiving.is_taken_over()).then_some(receiving)
    }

    /// Names and publishes the blob, once all of it is held, and nobody has to hash it again. `expected` is what the sender
    /// says it is; what the plan says is held against it as well. Whoever comes while another finishes waits, and is told
    /// the same.
    ///
    /// # Errors
    /// What is to be sent before it can be finished; or that it is another blob, and then it is of no use any more; or
    /// where it could not be published.
    pub fn finish(&self, expected: Option<&Digest>) -> Result<Published, FinishError> {
        let _finishing = lock(&self.shared.finishing);
        let hashed = {
            let mut progress = self.progress();
            match progress.stage {
                Stage::Stored(published) => return Ok(published),
                Stage::Gone => return Err(FinishError::Gone),
                Stage::Open | Stage::Named => {}
            }
            let planned = self.shared.plan.digest;
            let hashed = match progress.assembly.finish(planned.as_ref().or(expected)) {
                Ok(hashed) => hashed,
                Err(unfinished) => return Err(self.unfinished(progress, unfinished, expected)),
            };
            if let Some(expected) = expected.filter(|expected| **expected != hashed.digest) {
                return Err(FinishError::Mismatch { expected: *expected, actual: hashed.digest });
            }
            // From here on no claim can drop a record, so nobody can write.
            progress.stage = Stage::Named;
            hashed
        };
        let file = self.close_bytes(&hashed.digest)?;
        let inner = &self.inner;
        let published = inner.name(Verified { inner: Arc::clone(inner), file, hashed })?;
        let mut progress = self.progress();
        if progress.stage != Stage::Gone {
            // The file has its name. The other one, if it stays, is taken away when somebody asks for the upload.
            drop(inner.unlink_upload(&layout::upload(self.shared.id)));
            progress.stage = Stage::Stored(published);
        }
        drop(progress);
        inner.uploads.unpark(self.shared.id);
        Ok(published)
    }

    fn unfinished(
        &self,
        mut progress: MutexGuard<'_, Progress>,
        unfinished: aqueduct_blob::Unfinished,
        expected: Option<&Digest>,
    ) -> FinishError {
        match unfinished {
            aqueduct_blob::Unfinished::Missing(segments) => FinishError::Missing(segments),
            aqueduct_blob::Unfinished::Broken(segments) => {
                let recorded = self.record_dropped(&mut progress, &segments);
                drop(progress);
                match recorded {
                    Ok(()) => FinishError::Broken(segments),
                    Err(fault) => self.condemn(fault).into(),
                }
            }
            aqueduct_blob::Unfinished::Mismatch { actual } => {
                let planned = self.shared.plan.digest;
                let expected = planned.as_ref().or(expected).expect("a mismatch is with what was expected");
                FinishError::Mismatch { expected: *expected, actual }
            }
        }
    }

    /// Makes the file what a blob's file is, and records that it is to be one.
    fn close_bytes(&self, digest: &Digest) -> Result<File, ChangeError> {
        let Self { inner, shared } = self;
        inner.begin_changes()?;
        let path = layout::upload(shared.id);
        // A receiver may have made it longer than the blob is.
        if inner.disk.stat(&shared.file).blame("stat", &path)?.size != shared.plan.size {
            inner.disk.set_len(&shared.file, shared.plan.size).blame("truncate", &path)?;
        }
        self.mark(Some(*digest))?;
        inner.disk.seal(&shared.file).blame("seal", &path)?;
        Ok(shared.file.try_clone().blame("open", &path)?)
    }

    /// Takes a segment that was received whole.
    pub(super) fn land(&self, part: Part) -> Result<Landed, ChangeError> {
        let Self { inner, shared } = self;
        inner.begin_changes()?;
        let Part { hasher, lane, number, .. } = part;
        let len = hasher.len();
        let is_mark_due = {
            // Nobody can take it over between the last look and the record.
            let current = lock(&lane);
            let mut progress = self.progress();
            if *current != number || progress.stage != Stage::Open {
                return Ok(Landed::TakenOver);
            }
            let record = match progress.assembly.land(hasher) {
                aqueduct_blob::Landed::Held(record) => record,
                aqueduct_blob::Landed::Failed => return Ok(Landed::Failed),
            };
            let recorded =
                progress.journal.append(&*inner.disk, &shared.journal_file, &[Entry::Segment(record)]);
            if let Err(error) = recorded {
                progress.assembly.drop_record(record.index);
                return Err(self.journal_fault("append to", error).into());
            }
            progress.unsynced_len += len;
            progress.unsynced_len >= inner.options.upload_mark_len
        };
        if is_mark_due && !inner.is_loose() {
            self.mark(None)?;
        }
        Ok(Landed::Held)
    }

    /// Records that everything received so far survives a power cut, once it does; and with `named`, that it is all, and
    /// what it is. In a store that does not sync, only the latter.
    fn mark(&self, named: Option<Digest>) -> Result<(), ChangeError> {
        let Self { inner, shared } = self;
        let disk = &*inner.disk;
        let named_entry = named.map(Entry::Named);
        if inner.is_loose() {
            let entries: Vec<_> = named_entry.into_iter().collect();
            let appended = self.progress().journal.append(disk, &shared.journal_file, &entries);
            return Ok(appended.map_err(|error| self.journal_fault("append to", error))?);
        }
        let _marking = match shared.marking.try_lock() {
            Ok(marking) => marking,
            // Somebody is at it; what it does not cover the next mark will.
            Err(TryLockError::WouldBlock) if named.is_none() => return Ok(()),
            Err(_) => lock(&shared.marking),
        };
        let (covered, received) = {
            let progress = self.progress();
            (progress.journal.count(), progress.unsynced_len)
        };
        disk.sync_data(&shared.file)
            .blame("sync", layout::upload(shared.id))
            .map_err(|fault| self.condemn(fault))?;
        let is_name_loose = {
            let mut progress = self.progress();
            // Of what was recorded since, not all was synced. The name is as good as the bytes are.
            let covered = covered + u64::from(named.is_some());
            let entries: Vec<_> = named_entry.into_iter().chain([Entry::Synced(covered)]).collect();
            progress
                .journal
                .append(disk, &shared.journal_file, &entries)
                .map_err(|error| self.journal_fault("append to", error))?;
            progress.unsynced_len -= received;
            progress.is_name_loose
        };
        disk.sync_data(&shared.journal_file)
            .map_err(|error| self.condemn(self.journal_fault("sync", error)))?;
        if is_name_loose {
            inner.sync_directory(layout::UPLOADS.as_ref())?;
            self.progress().is_name_loose = false;
        }
        Ok(())
    }

    /// Records that segments are not held any more, durably: what is written in their place may reach the medium at once,
    /// and a power cut must not leave the record beside it.
    fn record_dropped(&self, progress: &mut Progress, segments: &[u64]) -> Result<(), StorageFault> {
        if segments.is_empty() {
            return Ok(());
        }
        let Self { inner, shared } = self;
        let entries: Vec<_> = segments.iter().map(|index| Entry::Dropped(*index)).collect();
        let recorded = progress
            .journal
            .append(&*inner.disk, &shared.journal_file, &entries)
            .and_then(|()| inner.disk.sync_data(&shared.journal_file));
        recorded.map_err(|error| self.journal_fault("write", error))
    }

    /// Gives the upload up: nobody knows any more which of its records are true.
    fn condemn(&self, fault: StorageFault) -> ChangeError {
        let Self { inner, shared } = self;
        match shared.take_away(inner) {
            Ok(_) => fault.into(),
            Err(unlinking) => inner.latch(unlinking).into(),
        }
    }

    fn journal_fault(&self, verb: &'static str, error: io::Error) -> StorageFault {
        StorageFault::new(verb, layout::journal(self.shared.id), error)
    }

    fn is_ours(&self, parked: &Parked) -> bool {
        Arc::ptr_eq(&parked.shared, &self.shared)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.shared.progress)
    }
}

impl Shared {
    pub(super) fn new(
        id: UploadId,
        plan: UploadPlan,
        (file, journal_file): (File, File),
        (assembly, journal): (Assembly, Journal),
        stage: Stage,
    ) -> Self {
        let progress = Progress {
            assembly,
            journal,
            lanes: HashMap::new(),
            unsynced_len: 0,
            is_name_loose: true,
            stage,
        };
        Self {
            id,
            plan,
            file,
            journal_file,
            progress: Mutex::new(progress),
            marking: Mutex::default(),
            finishing: Mutex::default(),
            is_gone: AtomicBool::new(false),
            counts: Counted::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        lock(&self.progress).stage
    }

    pub(super) fn held_len(&self) -> u64 {
        lock(&self.progress).assembly.held_len()
    }

    /// From here on nothing counts that no mark covers.
    pub(super) fn end_session(&self, disk: &dyn Disk) -> io::Result<()> {
        lock(&self.progress).journal.append(disk, &self.journal_file, &[END_OF_SESSION])
    }

    /// Takes the files away, if they are still this upload's; then nothing is received any more. Answers whether they were
    /// there. Where they cannot be taken away, nothing is received all the same.
    pub(super) fn take_away(&self, inner: &Inner) -> Result<bool, StorageFault> {
        // Whoever begins another upload of this id has to wait until this one is seen to be gone.
        let mut progress = lock(&self.progress);
        if progress.stage == Stage::Gone {
            return Ok(false);
        }
        let removed = inner.remove_upload_files(self.id);
        progress.stage = Stage::Gone;
        self.is_gone.store(true, Ordering::Release);
        removed
    }
}

impl Progress {
    /// The lane of a segment. There is one as long as anybody has it.
    fn lane(&mut self, index: u64) -> Arc<Lane> {
        if self.lanes.len() >= LANE_COUNT_SWEPT {
            self.lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let there = self.lanes.get(&index).and_then(Weak::upgrade);
        there.unwrap_or_else(|| {
            let lane = Arc::new(Lane::new(0));
            self.lanes.insert(index, Arc::downgrade(&lane));
            lane
        })
    }
}

impl Counted {
    pub(super) fn add(&self, received: u64, hashed: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.hashed.fetch_add(hashed, Ordering::Relaxed);
    }
}

/// Lanes nobody has are looked for when there are so many, so that a long upload does not gather them.
const LANE_COUNT_SWEPT: usize = 256;
