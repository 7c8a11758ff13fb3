//! An upload that is open.

use std::io;
use std::ops::Range;
use std::sync::{Arc, MutexGuard};

use aqueduct_blob::{SEGMENT_LEN, UploadId, segment_count};
use aqueduct_flow::Carried;

use super::journal::Entry;
use super::receiving::{Landed, Part, Receiving};
use super::registry::{Parked, Price};
use super::shared::{Counts, Progress, Shared, Stage};
use super::{ClaimError, ReceiveError, UploadPlan};
use crate::fault::{ChangeError, StorageFault};
use crate::layout;
use crate::poison::lock;
use crate::store::Inner;

/// A blob that comes in segment by segment, in any order and from any number of senders, and that can be gone on with
/// after any of them, this process or the power has gone away.
///
/// Every segment is hashed once, on its way in. Nothing of it is visible before [`Upload::finish`]. Clones, and everyone
/// who opens the same id, share it. What is received is on record when [`Receiving::finish`] returns: a kill loses nothing
/// of that, and a power cut at most the last [`upload_mark_len`](crate::Options::upload_mark_len) bytes, unless the store
/// does not sync at all.
///
/// Memory: what [`Assembly`](aqueduct_blob::Assembly) says, and as much again for the segments that are being received.
#[derive(Clone, Debug)]
pub struct Upload {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
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
        self.shared.counts.now()
    }

    /// Notes which routes carried bytes of it: the store sees only that they came.
    pub fn add_carried(&self, carried: &Carried) {
        self.shared.counts.add_carried(carried);
    }

    /// Takes `entries` as what the sender says of its checkpoint list, from entry `first` on. Returns the segments whose
    /// records disagree, in order: they have to be sent again.
    ///
    /// # Errors
    /// Where the blob has no such checkpoints, or it could not be recorded that segments are not held any more.
    pub fn claim(&self, first: u64, entries: &[[u8; 32]]) -> Result<Vec<u64>, ClaimError> {
        let mut progress = self.progress();
        if progress.stage != Stage::Open {
            // Every link held without them.
            return Ok(Vec::new());
        }
        let dropped = progress.assembly.claim(first, entries)?;
        self.record_dropped(&mut progress, &dropped)?;
        Ok(dropped)
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
        parked.unwrap_or(index * SEGMENT_LEN)
    }

    /// Keeps a receiver in the middle of its segment for whoever goes on with the upload, as long as this process lives and
    /// there are not too many. `price` is what it keeps of somebody else's meanwhile.
    pub fn park(&self, receiving: Receiving, price: Price) {
        let Receiving { upload, part } = receiving;
        assert!(Arc::ptr_eq(&upload.shared, &self.shared), "a receiver is parked with its own upload");
        if !part.has_failed && part.hasher.left() > 0 {
            self.inner.uploads.park(Parked { shared: upload.shared, part, price });
        }
    }

    /// The receiver that was parked, with its price, if it is there and nobody has taken its segment over.
    pub fn unpark(&self) -> Option<(Receiving, Price)> {
        let parked = self.inner.uploads.unpark(self.shared.id)?;
        let is_ours = self.is_ours(&parked);
        let receiving = Receiving { upload: self.clone(), part: parked.part };
        (is_ours && !receiving.is_taken_over()).then_some((receiving, parked.price))
    }

    /// Takes a segment that was received whole.
    pub(super) fn land(&self, part: Part) -> Result<Landed, ChangeError> {
        let Self { inner, shared } = self;
        inner.begin_changes()?;
        let Part { hasher, lane, number, .. } = part;
        let len = hasher.len();
        // One that was killed before its mark would otherwise cost a segment more each time.
        self.mark_if_due()?;
        {
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
        }
        self.mark_if_due()?;
        Ok(Landed::Held)
    }

    fn mark_if_due(&self) -> Result<(), ChangeError> {
        let is_due = {
            let progress = self.progress();
            progress.stage == Stage::Open && progress.unsynced_len >= self.inner.options.upload_mark_len
        };
        if is_due && !self.inner.is_loose() { self.mark(None) } else { Ok(()) }
    }

    pub(super) fn journal_fault(&self, verb: &'static str, error: io::Error) -> StorageFault {
        StorageFault::new(verb, layout::journal(self.shared.id), error)
    }

    fn is_ours(&self, parked: &Parked) -> bool {
        Arc::ptr_eq(&parked.shared, &self.shared)
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.shared.progress)
    }
}
