//! A blob that comes in segments, which a broken connection does not cost more than the one that was under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_blob::{Digest, SEGMENT_LEN};
use aqueduct_store::{
    ClaimError, FinishError, Landed, ReceiveError, Resumed, Upload, UploadError, UploadPlan,
};
use aqueduct_wire::native::limits::{AGAIN_COUNT_MAX, VERIFIED_COUNT_MAX};
use aqueduct_wire::native::{Code, Put, Say, TaskId};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::Talk;
use super::putting::{self, After, Halt, Opened, Putting};
use super::refusal::{refusal, refused};
use super::small::stored;
use crate::asked::Door;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::pour::Stop;
use crate::segment::Segment;
use crate::server::Shared;
use crate::stored::note_upload;

/// One task's part in an upload.
#[derive(Debug)]
pub(super) struct Segmented {
    upload: Upload,
    /// The segment that this task is sending.
    current: Option<Segment>,
    /// The segment whose bytes nobody needs.
    unwanted: Option<u64>,
    received: u64,
    standing: Arc<Standing>,
    _descriptor: OwnedSemaphorePermit,
}

/// How a task stands, as far as those need to know who end it.
#[derive(Debug, Default)]
pub(super) struct Standing {
    counts: Mutex<Counts>,
    /// It was sent whole, and a worker ends it.
    is_ending: AtomicBool,
    /// It has had its last answer.
    is_over: AtomicBool,
}

/// What went wrong so far, which decides when there is no use in going on.
#[derive(Debug, Default)]
struct Counts {
    /// How often a segment was asked for again.
    of_segments: HashMap<u64, u32>,
    /// The whole list was asked for again.
    is_list_suspect: bool,
}

/// Begins an upload, or goes on with it. For workers.
pub(super) fn open(shared: &Shared, put: &Put, descriptor: OwnedSemaphorePermit) -> Opened {
    begin(shared, put, descriptor).unwrap_or_else(Opened::Over)
}

fn begin(shared: &Shared, put: &Put, descriptor: OwnedSemaphorePermit) -> Result<Opened, Say> {
    let (Some(id), Some(size)) = (put.upload, put.size) else {
        return Err(refusal(Code::BadMessage, "an upload has an id and a size"));
    };
    if let Some(digest) = put.digest
        && let Some(published) = putting::present(&shared.store, digest).map_err(|error| refused(&error))?
    {
        return Ok(Opened::Over(stored(&published, 0)));
    }
    let plan = UploadPlan { algorithm: put.algorithm, digest: put.digest, size };
    let upload = match shared.store.upload(id, &plan) {
        Ok(Resumed::Stored(published)) => return Ok(Opened::Over(stored(&published, 0))),
        Ok(Resumed::Open(upload)) => upload,
        Err(UploadError::Conflict) => {
            return Err(refusal(Code::Conflict, "this upload was begun for another blob; choose another id"));
        }
        Err(error @ UploadError::TooMany { .. }) => return Err(refusal(Code::Busy, &error.to_string())),
        Err(UploadError::Change(error)) => return Err(refused(&error.into())),
    };
    let mut verified = upload.held_ranges();
    verified.truncate(VERIFIED_COUNT_MAX);
    let segmented = Segmented {
        upload,
        current: None,
        unwanted: None,
        received: 0,
        standing: Arc::default(),
        _descriptor: descriptor,
    };
    let putting = Putting::Segmented(Box::new(segmented));
    Ok(Opened::Open { putting, say: Some(Say::Opened { upload: id, verified }) })
}

impl Segmented {
    /// Takes bytes that belong at `offset`, up to `len_max` of them.
    pub(super) fn step(
        &mut self,
        shared: &Shared,
        inbox: &mut Inbox,
        stream: &TcpStream,
        offset: u64,
        len_max: usize,
        say: &mut Vec<Say>,
    ) -> (u64, After) {
        match self.aim(shared, offset, say) {
            Ok(true) => {}
            Ok(false) => return (0, After::Unwanted),
            Err(last) => return (0, After::Halt(Halt::Said(last))),
        }
        let segment = self.current.as_mut().expect("a segment was aimed at");
        let moved = match segment.pour(inbox, stream, len_max) {
            Ok(Some(moved)) => moved as u64,
            Ok(None) => return (0, After::Blocked),
            Err(Stop::TakenOver) => {
                self.unwanted = Some(segment.index());
                self.current = None;
                return (0, After::Unwanted);
            }
            Err(stop) => return (segment.lost(), After::Halt(stop.into())),
        };
        self.received += moved;
        if !segment.is_whole() {
            return (moved, After::More);
        }
        match self.land() {
            Ok(again) => {
                say.extend(again);
                (moved, After::More)
            }
            Err(last) => (moved, After::Halt(Halt::Said(last))),
        }
    }

    /// Ends the segment, all of which has come. It may have to come again; the error is the task's last answer.
    fn land(&mut self) -> Result<Option<Say>, Say> {
        let Some(segment) = self.current.take() else { return Ok(None) };
        let index = segment.index();
        match segment.land().map_err(|error| refused(&error.into()))? {
            Landed::Failed => self.standing.again(&self.upload, vec![index], false).map(Some),
            // Whoever has taken it over lands it.
            Landed::Held | Landed::TakenOver => Ok(None),
        }
    }

    /// Makes the segment ready that the byte at `offset` belongs to; false if nobody needs it. The error is the task's last
    /// answer.
    fn aim(&mut self, shared: &Shared, offset: u64, say: &mut Vec<Say>) -> Result<bool, Say> {
        if self.current.as_ref().is_some_and(|segment| segment.offset() == offset) {
            return Ok(true);
        }
        self.current = None;
        let index = offset / SEGMENT_LEN;
        if !offset.is_multiple_of(SEGMENT_LEN) {
            if self.unwanted == Some(index) {
                return Ok(false);
            }
            let message = "the bytes of a segment are sent in order, from its first on";
            return Err(refusal(Code::BadOffset, message));
        }
        let error = match self.upload.receive(index) {
            Ok(receiving) => {
                self.unwanted = None;
                self.current = Some(Segment::new(
                    receiving,
                    shared.options.receive_route_for(Some(SEGMENT_LEN)),
                    Door::Native,
                ));
                return Ok(true);
            }
            Err(ReceiveError::AlreadyHeld) => {
                self.unwanted = Some(index);
                return Ok(false);
            }
            // The peer has not heard yet that the one before has to come again, so this one has to as well.
            Err(ReceiveError::StateUnknown) if index > 0 && self.standing.was_asked_for_again(index - 1) => {
                self.unwanted = Some(index);
                say.push(self.standing.after_another(index));
                return Ok(false);
            }
            Err(error) => error,
        };
        let code = match error {
            ReceiveError::StateUnknown => Code::StateUnknown,
            ReceiveError::OutOfBounds { .. } => Code::BadOffset,
            ReceiveError::Gone | ReceiveError::AlreadyHeld => Code::NoSuchUpload,
        };
        Err(refusal(code, &error.to_string()))
    }

    /// Takes what the sender says of its checkpoint list. For workers.
    pub(super) fn claim(&self, first: u64, entries: &[[u8; 32]]) -> Result<Option<Say>, Say> {
        let dropped = match self.upload.claim(first, entries) {
            Ok(dropped) => dropped,
            Err(error @ ClaimError::OutOfBounds(_)) => {
                return Err(refusal(Code::BadMessage, &error.to_string()));
            }
            Err(ClaimError::Change(error)) => return Err(refused(&error.into())),
        };
        if dropped.is_empty() {
            Ok(None)
        } else {
            self.standing.again(&self.upload, dropped, false).map(Some)
        }
    }

    /// How it is to be ended. The task stays as it is: something may have to be sent again.
    pub(super) fn ending(&self) -> Ending {
        self.standing.is_ending.store(true, Ordering::Relaxed);
        Ending { upload: self.upload.clone(), received: self.received, standing: Arc::clone(&self.standing) }
    }

    /// Whether a worker ends it: then the peer has done its part.
    pub(super) fn is_ending(&self) -> bool {
        self.standing.is_ending.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.standing.is_over.load(Ordering::Relaxed)
    }
}

/// The end of an upload, as far as one task sees it.
#[derive(Debug)]
pub(super) struct Ending {
    upload: Upload,
    received: u64,
    standing: Arc<Standing>,
}

impl Ending {
    /// The name it was given, or is now `said` to have, and its size.
    pub(super) fn named(&self, said: Option<Digest>) -> Option<(Digest, u64)> {
        let plan = self.upload.plan();
        Some((plan.digest.or(said)?, plan.size))
    }

    /// Publishes the blob, or says what is missing. For workers.
    pub(super) fn finish(self, shared: &Shared, talk: &Talk, task: TaskId, digest: Option<&Digest>) {
        let algorithm = self.upload.plan().algorithm;
        if digest.is_some_and(|digest| digest.algorithm() != algorithm) {
            self.standing.is_over.store(true, Ordering::Relaxed);
            return talk
                .end(task, refusal(Code::BadAlgorithm, "the upload was begun with another algorithm"));
        }
        let said = match self.upload.finish(digest) {
            Ok(published) => {
                note_upload(&self.upload, &published);
                Err(stored(&published, self.received))
            }
            Err(FinishError::Missing(mut segments)) => {
                segments.truncate(AGAIN_COUNT_MAX);
                Ok(Say::Again { segments, checkpoints: false, after_end: true })
            }
            Err(FinishError::Broken(segments)) => self.standing.again(&self.upload, segments, true),
            Err(FinishError::Mismatch { expected, actual }) => {
                // Nothing that is missing could make it right.
                if let Err(error) = shared.store.drop_upload(self.upload.id()) {
                    tracing::error!(%error, "cannot drop an upload");
                }
                Err(refused(&Refusal::Mismatch { expected, actual }))
            }
            Err(error @ FinishError::Gone) => Err(refusal(Code::NoSuchUpload, &error.to_string())),
            Err(FinishError::Publish(error)) => Err(refused(&error.into())),
        };
        match said {
            Ok(again) => {
                self.standing.is_ending.store(false, Ordering::Relaxed);
                talk.say(task, again);
            }
            Err(last) => {
                self.standing.is_over.store(true, Ordering::Relaxed);
                talk.end(task, last);
            }
        }
    }
}

impl Standing {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn was_asked_for_again(&self, segment: u64) -> bool {
        self.counts().of_segments.contains_key(&segment)
    }

    /// Has a segment sent again that is not to blame.
    fn after_another(&self, segment: u64) -> Say {
        self.counts().of_segments.entry(segment).or_default();
        Say::Again { segments: vec![segment], checkpoints: false, after_end: false }
    }

    /// Has segments sent again, and when that does not help the whole list; then nothing does, which is the error.
    fn again(&self, upload: &Upload, mut segments: Vec<u64>, after_end: bool) -> Result<Say, Say> {
        segments.truncate(AGAIN_COUNT_MAX);
        let mut counts = self.counts();
        let mut is_enough = false;
        for segment in &segments {
            let count = counts.of_segments.entry(*segment).or_default();
            *count += 1;
            is_enough |= *count > AGAIN_PER_SEGMENT_MAX;
        }
        if !is_enough {
            return Ok(Say::Again { segments, checkpoints: false, after_end });
        }
        if counts.is_list_suspect {
            let message = "segments did not agree with the checkpoint list, however often they came; nothing was stored";
            return Err(refusal(Code::Mismatch, message));
        }
        counts.is_list_suspect = true;
        counts.of_segments.clear();
        upload.forget_claims();
        Ok(Say::Again { segments, checkpoints: true, after_end })
    }
}

/// A segment that was damaged on its way once may be so again; one that is four times is not what the list says.
const AGAIN_PER_SEGMENT_MAX: u32 = 3;
