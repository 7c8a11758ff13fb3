//! Scrubbing: every blob read again from the medium, and held against its name.
//!
//! A pass goes through the blobs in the order of their digests, a batch at a time. How far it came is written down now and
//! then, in the index, where it costs a pass and nothing else when it is lost; so a pass goes on where it was after a stop,
//! or a little before that after a kill. No lock is held while anything is read.

mod batch;
mod progress;

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest};

use crate::damage::Checked;
use crate::fault::{Blame, Cause, ChangeError, StorageFault};
use crate::layout;
use crate::list;
use crate::poison::lock;
use crate::store::{Inner, Store};

pub(crate) use batch::Halt;
pub use progress::{ScrubPass, ScrubState};

/// How a scrub goes about it.
#[derive(Clone, Copy, Debug)]
pub struct ScrubPlan {
    /// How many threads read and hash: many small blobs, or the segments of a large one.
    pub threads: NonZeroUsize,
    /// Whether to begin a new pass although an earlier one was not finished.
    pub restart: bool,
}

/// What a scrub tells of while it goes on. Blobs in which nothing is amiss are only counted.
#[derive(Clone, Debug)]
pub enum ScrubFound {
    /// A blob that is damaged, and in quarantine; or one whose checkpoint list was missing or wrong, and is new.
    Checked(Checked),
    /// Something that could not be read, or a damaged blob that could not be put away.
    ///
    /// What cannot be read is not put in quarantine: nobody hashed it, and the fault may be the cable's. Whoever asks for it
    /// is told of the fault; whoever has a good copy removes it and puts it again.
    Failed {
        /// The blob; `None` where it is a whole directory.
        digest: Option<Digest>,
        /// The first bytes of it that cannot be read, if that is what failed.
        range: Option<Range<u64>>,
        /// What went wrong.
        fault: StorageFault,
    },
}

/// Is asked before so many bytes are read, from several threads: it may wait, and `Break` ends the pass for now.
pub type Leave<'a> = dyn Fn(u64) -> ControlFlow<()> + Sync + 'a;

/// What a store knows of its scrubs.
#[derive(Debug, Default)]
pub(crate) struct Scrubs {
    /// Held by the one who scrubs.
    turn: Mutex<()>,
    /// Read from the index by the first who asks.
    state: Mutex<Option<ScrubState>>,
}

impl Store {
    /// Reads every blob from the medium and holds it against its name. What is damaged goes to quarantine; a checkpoint list
    /// that is missing or wrong is written anew. Goes on with a pass that was not finished, unless the plan says otherwise.
    ///
    /// What was not in the page cache before is not in it after, and what was stays; see
    /// [`Medium`](aqueduct_flow::Medium) for where that is not to be had. Who scrubs while another does waits for its end.
    /// Blobs published behind the place where the pass is are left for the next.
    ///
    /// Gives the pass, as far as it came: it has an end unless `leave` broke it off.
    ///
    /// # Errors
    /// Where the store takes no changes, and damage was found: it goes on from there when it is opened again. Where the process
    /// is short of descriptors or memory: the next scrub goes on from there.
    pub fn scrub(
        &self,
        plan: &ScrubPlan,
        leave: &Leave<'_>,
        told: &mut dyn FnMut(&ScrubFound),
    ) -> Result<ScrubPass, ChangeError> {
        let inner = &self.inner;
        let _turn = lock(&inner.scrubs.turn);
        let state = inner.scrub_state();
        let now = inner.disk.now();
        let pass = state.pass.filter(|_| !plan.restart).unwrap_or_else(|| ScrubPass::begin(now));
        inner.note_scrub(|state| (state.is_running, state.pass) = (true, Some(pass.clone())));
        let ended = inner.scrub(plan, pass, leave, told);
        inner.note_scrub(|state| state.is_running = false);
        inner.keep_scrub();
        ended
    }

    /// What is known of the scrub that goes on, or was broken off, and of the last one that came to its end. Reads the index
    /// the first time, and nothing after that.
    #[must_use]
    pub fn scrub_state(&self) -> ScrubState {
        self.inner.scrub_state()
    }

    /// Whether it is time for a scrub, if one is to begin every so often: there is one to be gone on with, or so much time
    /// went by since the last one that came to its end began. A store that was never scrubbed counts from when it was made.
    ///
    /// # Errors
    /// Where the store's marker cannot be looked at.
    pub fn is_scrub_due(&self, every: Duration) -> Result<bool, StorageFault> {
        let inner = &self.inner;
        let state = inner.scrub_state();
        let last = match (&state.pass, &state.whole) {
            (Some(_), _) => return Ok(true),
            (None, Some(whole)) => whole.began,
            (None, None) => {
                let marker = Path::new(layout::MARKER);
                let stat = inner.disk.stat_path(marker).blame("stat", marker)?;
                stat.map_or(i64::MIN, |stat| stat.changed)
            }
        };
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        // A clock that was set back puts nothing off.
        Ok(!(0..every).contains(&inner.disk.now().saturating_sub(last)))
    }
}

impl Inner {
    fn scrub(
        &self,
        plan: &ScrubPlan,
        mut pass: ScrubPass,
        leave: &Leave<'_>,
        told: &mut dyn FnMut(&ScrubFound),
    ) -> Result<ScrubPass, ChangeError> {
        let mut kept_at = self.disk.now();
        let start = pass.last.map(|last| (last.algorithm(), last.as_bytes()[0]));
        for (algorithm, first) in layout::shards().filter(|shard| Some(*shard) >= start) {
            let Some(listed) = self.list_to_hash(algorithm, first, told)? else {
                pass.failed += 1;
                continue;
            };
            let begin = listed.partition_point(|digest| Some(*digest) <= pass.last);
            for batch in self.batches(&listed[begin..]) {
                let is_over = self.scrub_batch(&batch, plan.threads, leave, &mut pass, told)?;
                self.note_scrub(|state| state.pass = Some(pass.clone()));
                if is_over.is_break() {
                    return Ok(pass);
                }
                let now = self.disk.now();
                if !(0..KEEP_EVERY).contains(&now.saturating_sub(kept_at)) {
                    kept_at = now;
                    self.keep_scrub();
                }
            }
        }
        pass.ended = Some(self.disk.now());
        self.note_scrub(|state| (state.pass, state.whole) = (None, Some(pass.clone())));
        Ok(pass)
    }

    /// The blobs in a shard; `None` where it cannot be listed, which is told and is no reason to leave the others.
    pub(crate) fn list_to_hash(
        &self,
        algorithm: Algorithm,
        first: u8,
        told: &mut dyn FnMut(&ScrubFound),
    ) -> Result<Option<Vec<Digest>>, StorageFault> {
        match list::shard(&*self.disk, algorithm, first) {
            Err(fault) if !is_shortage(&fault) => {
                told(&ScrubFound::Failed { digest: None, range: None, fault });
                Ok(None)
            }
            listed => listed.map(Some),
        }
    }

    fn scrub_state(&self) -> ScrubState {
        let mut state = lock(&self.scrubs.state);
        // A place that cannot be read is one that was lost.
        state.get_or_insert_with(|| ScrubState::read(&self.index).unwrap_or_default()).clone()
    }

    fn note_scrub(&self, change: impl FnOnce(&mut ScrubState)) {
        change(lock(&self.scrubs.state).get_or_insert_default());
    }

    /// Writes down how far the scrub is. Where that fails, the next one reads something again.
    fn keep_scrub(&self) {
        let state = self.scrub_state();
        drop(state.write(&self.index));
    }
}

/// Whether the process is short of something, which says nothing of what it wanted to read.
pub(crate) fn is_shortage(fault: &StorageFault) -> bool {
    matches!(fault.cause(), Cause::Descriptors | Cause::Memory)
}

/// In seconds: what a kill costs of a pass, and one sync of the index.
const KEEP_EVERY: i64 = 30;
