//! What all who have an upload open share.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use aqueduct_blob::{Assembly, UploadId};
use aqueduct_flow::Carried;

use super::UploadPlan;
use super::directory::END_OF_SESSION;
use super::journal::Journal;
use super::receiving::Lane;
use crate::disk::Disk;
use crate::fault::StorageFault;
use crate::poison::lock;
use crate::publish::Published;
use crate::store::Inner;

/// What all who have an upload open share. It does not hold the store, which may hold it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: UploadId,
    pub(super) plan: UploadPlan,
    pub(super) file: File,
    pub(super) journal_file: File,
    pub(super) progress: Mutex<Progress>,
    /// Held while everything that was received is synced, so that one does it for all.
    pub(super) marking: Mutex<()>,
    /// Held while the blob gets its name.
    pub(super) finishing: Mutex<()>,
    /// Nothing is received any more.
    pub(super) is_gone: AtomicBool,
    pub(super) counts: Counted,
}

#[derive(Debug)]
pub(super) struct Progress {
    pub(super) assembly: Assembly,
    pub(super) journal: Journal,
    /// Those that are being received; others may be in it until it is looked through.
    lanes: HashMap<u64, Weak<Lane>>,
    /// Bytes received since the last mark.
    pub(super) unsynced_len: u64,
    /// Its names may not survive a power cut.
    pub(super) is_name_loose: bool,
    pub(super) stage: Stage,
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
    /// What carried them, as far as those who moved them told.
    pub carried: Carried,
}

#[derive(Debug, Default)]
pub(super) struct Counted {
    received: AtomicU64,
    hashed: AtomicU64,
    carried: Mutex<Carried>,
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
    ///
    /// Whoever begins another upload of this id has to wait until this one is seen to be gone: `progress` is its own.
    pub(super) fn take_away(&self, progress: &mut Progress, inner: &Inner) -> Result<bool, StorageFault> {
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
    pub(super) fn lane(&mut self, index: u64) -> Arc<Lane> {
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
    pub(super) fn now(&self) -> Counts {
        let Self { received, hashed, carried } = self;
        Counts {
            received: received.load(Ordering::Relaxed),
            hashed: hashed.load(Ordering::Relaxed),
            carried: *lock(carried),
        }
    }

    pub(super) fn add_carried(&self, carried: &Carried) {
        *lock(&self.carried) += *carried;
    }

    pub(super) fn add(&self, received: u64, hashed: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.hashed.fetch_add(hashed, Ordering::Relaxed);
    }
}

/// Lanes nobody has are looked for when there are so many, so that a long upload does not gather them.
const LANE_COUNT_SWEPT: usize = 256;
