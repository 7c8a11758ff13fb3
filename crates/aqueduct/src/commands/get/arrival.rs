//! One blob of a store, or a part of it, arriving at a path.

use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aqueduct_blob::CheckpointList;
use aqueduct_blob::parallel::{self, Verdict};
use aqueduct_flow::{Carried, CopyLadder, Step};
use aqueduct_store::{Blob, Store};

use super::{begin, exists, is_taken, land};
use crate::checked_send::{self, Sent};
use crate::fault::Fault;
use crate::flags::Get;
use crate::progress::Meter;
use crate::text::shown;

pub(super) struct Arrival<'a> {
    pub(super) store: &'a Store,
    pub(super) blob: &'a Blob,
    pub(super) path: &'a Path,
    pub(super) threads: NonZeroUsize,
    pub(super) get: &'a Get,
}

pub(super) enum Arrived {
    New(Carried),
    /// The path held the blob before.
    AlreadyThere,
}

impl Arrival<'_> {
    /// The whole blob: copied, and verified where it was copied to.
    pub(super) fn whole(&self, meter: &Meter) -> Result<Arrived, Fault> {
        let list = self.store.checkpoints(&self.blob.digest())?;
        let list = list.ok_or_else(|| checked_send::whole_is_damaged(self.blob))?;
        if is_taken(self.path) {
            if self.is_there(&list) {
                return Ok(Arrived::AlreadyThere);
            }
            if !self.get.force {
                return Err(exists(self.path));
            }
        }
        let landing = begin(self.path)?;
        let carried = self.copy(landing.file(), meter)?;
        if !self.is_the_blob(landing.file(), &list)? {
            checked_send::condemn(self.store, self.blob, self.threads)?;
            return Err(Fault::Miswritten { path: shown(self.path), digest: self.blob.digest() });
        }
        land(landing, self.path, self.get)?;
        Ok(Arrived::New(carried))
    }

    /// A part of the blob, its segments checked on their way.
    pub(super) fn part(&self, range: Range<u64>, meter: &Meter) -> Result<Arrived, Fault> {
        if !self.get.force && is_taken(self.path) {
            return Err(exists(self.path));
        }
        let landing = begin(self.path)?;
        let arrived = self.send(range, landing.file(), meter)?;
        land(landing, self.path, self.get)?;
        Ok(arrived)
    }

    /// Into a device or pipe, which has no name to give or take.
    pub(super) fn special(&self, range: Range<u64>, meter: &Meter) -> Result<Arrived, Fault> {
        let opened = File::options().write(true).open(self.path);
        let target = opened.map_err(Fault::local(format!("write to {}", shown(self.path))))?;
        self.send(range, &target, meter)
    }

    fn send(&self, range: Range<u64>, target: &File, meter: &Meter) -> Result<Arrived, Fault> {
        let name = shown(self.path);
        match checked_send::send(self.store, self.blob, range, self.threads, target, &name, meter)? {
            Sent::All(carried) => Ok(Arrived::New(carried)),
            Sent::Refused => {
                let gone = std::io::ErrorKind::BrokenPipe.into();
                Err(Fault::Local { doing: format!("write to {name}"), source: gone })
            }
        }
    }

    fn copy(&self, target: &File, meter: &Meter) -> Result<Carried, Fault> {
        let failed = || |source| Fault::Landing { path: shown(self.path), source };
        let ladder = CopyLadder::new();
        let mut copy = ladder.begin(self.blob.file(), target).map_err(failed())?;
        loop {
            let before = copy.position();
            let step = copy.step(TURN_LEN).map_err(failed())?;
            meter.add(copy.position() - before);
            match step {
                Step::Moved(_) => {}
                Step::End => return Ok(*copy.carried()),
                Step::Blocked(_) => unreachable!("regular files never block"),
            }
        }
    }

    /// Whether what has the name already is the blob. What cannot be read is not.
    fn is_there(&self, list: &CheckpointList) -> bool {
        let Ok(file) = File::open(self.path) else { return false };
        let is_candidate =
            file.metadata().is_ok_and(|found| found.is_file() && found.len() == self.blob.size());
        is_candidate && self.is_the_blob(&file, list).unwrap_or(false)
    }

    fn is_the_blob(&self, file: &File, list: &CheckpointList) -> Result<bool, Fault> {
        let read = |offset, buffer: &mut [u8]| file.read_exact_at(buffer, offset);
        let verdict = parallel::verify(&self.blob.digest(), self.blob.size(), Some(list), self.threads, read);
        let verdict = verdict.map_err(Fault::local(format!("read {} back", shown(self.path))))?;
        Ok(matches!(verdict, Verdict::Intact { .. }))
    }
}

/// How much is copied before progress is seen.
const TURN_LEN: usize = 64 << 20;
