//! Blobs that come in more than one frame, and those that are too large to be held: received by workers, a turn at a time.

use std::collections::HashMap;
use std::io;
use std::mem;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::{Carried, Intake};
use aqueduct_store::{Published, Staging, Store};
use aqueduct_wire::native::{Code, Put, Say, TaskId};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::refusal::{refusal, refused};
use super::segmented::{self, Segmented};
use super::small::stored;
use crate::asked::Door;
use crate::descriptors::UPLOAD_DESCRIPTOR_COUNT;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::metrics::{CountedStaging, METRICS};
use crate::pour::{Stop, pour};
use crate::server::Shared;
use crate::stored::note;
use crate::work::{self, Begun};
use crate::workers::Workers;

/// The blobs of one peer that are on their way in.
#[derive(Debug)]
pub(super) struct Puts {
    open: HashMap<TaskId, Putting>,
    /// Who closes those that come to nothing: to close a file without a name frees its space, which takes a filesystem time.
    writers: Workers,
}

impl Puts {
    pub(super) fn new(writers: Workers) -> Self {
        Self { open: HashMap::new(), writers }
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn insert(&mut self, task: TaskId, putting: Putting) {
        self.open.insert(task, putting);
    }

    /// Those for which the peer has still to send something.
    pub(super) fn waiting(&self) -> impl Iterator<Item = TaskId> {
        self.open.iter().filter(|(_, putting)| putting.waits()).map(|(task, _)| *task)
    }

    /// Those of them that can be gone on with another time.
    pub(super) fn resumable(&self) -> Vec<TaskId> {
        let is_resumable = |putting: &Putting| putting.waits() && matches!(putting, Putting::Segmented(_));
        self.open.iter().filter(|(_, putting)| is_resumable(putting)).map(|(task, _)| *task).collect()
    }

    /// Lets go of those that have come to their end.
    pub(super) fn sweep(&mut self) {
        let over: Vec<_> = self.open.extract_if(|_, putting| putting.is_over()).collect();
        if !over.is_empty() {
            self.writers.leave(move || mem::drop(over));
        }
    }

    pub(super) fn take(&mut self, task: TaskId) -> Option<Putting> {
        self.open.remove(&task)
    }

    /// Lets go of one, if it is there.
    pub(super) fn drop(&mut self, task: TaskId) -> bool {
        let Some(putting) = self.open.remove(&task) else { return false };
        self.writers.leave(move || mem::drop(putting));
        true
    }
}

impl Drop for Puts {
    fn drop(&mut self) {
        let open = mem::take(&mut self.open);
        if !open.is_empty() {
            self.writers.leave(move || mem::drop(open));
        }
    }
}

/// A blob on its way in.
#[derive(Debug)]
pub(super) enum Putting {
    /// From its first byte to its last, or not at all.
    Plain(Box<Plain>),
    Segmented(Box<Segmented>),
}

#[derive(Debug)]
pub(super) struct Plain {
    staging: Staging,
    intake: Intake,
    /// What was counted of what came.
    told: Carried,
    digest: Option<Digest>,
    _descriptor: OwnedSemaphorePermit,
    _counted: CountedStaging,
}

/// What a put began with.
#[derive(Debug)]
pub(super) enum Opened {
    /// Bytes may come, and the peer is told so if it waits for that.
    Open { putting: Putting, say: Option<Say> },
    /// None have to.
    Over(Say),
}

/// Begins a put. For workers.
pub(super) fn open(shared: &Shared, put: &Put) -> Opened {
    let count = if put.upload.is_some() { UPLOAD_DESCRIPTOR_COUNT } else { 1 };
    let Some(descriptor) = shared.take_descriptors(count) else { return Opened::Over(too_many()) };
    if put.upload.is_some() {
        return segmented::open(shared, put, descriptor);
    }
    begin(shared, put, descriptor).unwrap_or_else(|refusal| Opened::Over(refused(&refusal)))
}

/// The last answer of a put that there is no room for.
pub(super) fn too_many() -> Say {
    refusal(Code::Busy, "too many blobs are on their way here; try again when one is done")
}

fn begin(shared: &Shared, put: &Put, descriptor: OwnedSemaphorePermit) -> Result<Opened, Refusal> {
    Ok(match stage(&shared.store, put.algorithm, put.digest, put.size)? {
        Begun::Present(published) => Opened::Over(stored(&published, 0)),
        Begun::Staging(staging) => {
            let plain = Plain {
                staging: *staging,
                intake: Intake::new(shared.options.receive_route_for(put.size)),
                told: Carried::default(),
                digest: put.digest,
                _descriptor: descriptor,
                _counted: CountedStaging::new(),
            };
            Opened::Open { putting: Putting::Plain(Box::new(plain)), say: None }
        }
    })
}

/// Begins to stage a blob, unless it is known to be here. Hashes nothing, since others of the same peer wait meanwhile: a
/// suspect in its place is looked at when the name is given, and hashed only if it is as large as what came.
fn stage(
    store: &Store,
    algorithm: Algorithm,
    digest: Option<Digest>,
    size: Option<u64>,
) -> Result<Begun, Refusal> {
    if let Some(digest) = digest
        && let Some(published) = present(store, digest)?
    {
        return Ok(Begun::Present(published));
    }
    Ok(Begun::Staging(Box::new(store.begin(algorithm, size)?)))
}

/// A blob that is known to be here: a suspect is not.
pub(super) fn present(store: &Store, digest: Digest) -> Result<Option<Published>, Refusal> {
    if store.is_suspect(&digest)? { Ok(None) } else { work::present(store, digest) }
}

/// What became of one turn.
#[derive(Debug)]
pub(super) struct Poured {
    pub(super) putting: Putting,
    pub(super) inbox: Inbox,
    /// What the peer is to be told.
    pub(super) say: Vec<Say>,
    /// How many bytes moved.
    pub(super) moved: u64,
    pub(super) after: After,
}

/// Why a turn, or a step of it, came no further.
#[derive(Debug)]
pub(super) enum After {
    /// There is more to be had, and others shall have their turn first.
    More,
    /// The peer has no more for now.
    Blocked,
    /// Nobody needs the rest of the payload: it is there, or somebody else sends it.
    Unwanted,
    Halt(Halt),
}

/// Why no more can be taken.
#[derive(Debug)]
pub(super) enum Halt {
    /// The last answer of the task.
    Said(Say),
    /// The peer went away.
    Gone(io::Error),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Said(refused(&refusal)),
            Stop::Gone(error) => Self::Gone(error),
            Stop::TakenOver => unreachable!("whoever can be taken over looks for it"),
        }
    }
}

impl Putting {
    /// Takes up to `len` bytes from the peer, which belong at `offset` of the blob: as many as there are and one turn allows.
    /// For workers.
    pub(super) fn pour(
        mut self,
        shared: &Shared,
        mut inbox: Inbox,
        stream: &TcpStream,
        offset: u64,
        len: u64,
    ) -> Poured {
        let len = len.min(TURN_LEN as u64);
        let (mut say, mut moved, mut after) = (Vec::new(), 0, After::More);
        while moved < len && matches!(after, After::More) {
            let len_max = usize::try_from(len - moved).unwrap_or(TURN_LEN);
            let stepped = self.step(shared, &mut inbox, stream, offset + moved, len_max, &mut say);
            moved += stepped.0;
            after = stepped.1;
        }
        if inbox.is_empty() {
            inbox.release();
        }
        Poured { putting: self, inbox, say, moved, after }
    }

    fn step(
        &mut self,
        shared: &Shared,
        inbox: &mut Inbox,
        stream: &TcpStream,
        offset: u64,
        len_max: usize,
        say: &mut Vec<Say>,
    ) -> (u64, After) {
        match self {
            Self::Plain(plain) => plain.step(shared, inbox, stream, len_max),
            Self::Segmented(segmented) => segmented.step(shared, inbox, stream, offset, len_max, say),
        }
    }

    /// Takes what the sender says of the checkpoint list; the error is the task's last answer. For workers.
    pub(super) fn claim(&self, first: u64, entries: &[[u8; 32]]) -> Result<Option<Say>, Say> {
        match self {
            // It comes whole or not at all, and needs none.
            Self::Plain(_) => Ok(None),
            Self::Segmented(segmented) => segmented.claim(first, entries),
        }
    }

    /// Whether the peer has still to send something.
    fn waits(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Segmented(segmented) => !segmented.is_ending() && !segmented.is_over(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Segmented(segmented) => segmented.is_over(),
        }
    }
}

impl Plain {
    fn step(
        &mut self,
        shared: &Shared,
        inbox: &mut Inbox,
        stream: &TcpStream,
        len_max: usize,
    ) -> (u64, After) {
        let Self { staging, intake, told, .. } = self;
        let limit = shared.options.blob_size_max();
        if staging.len().saturating_add(len_max as u64) > limit {
            return (0, After::Halt(Halt::Said(refused(&Refusal::TooLarge { limit }))));
        }
        let poured = pour(staging, intake, inbox, stream, len_max);
        METRICS.received(Door::Native, intake.carried(), told);
        match poured {
            Ok(Some(moved)) => (moved as u64, After::More),
            Ok(None) => (0, After::Blocked),
            // The frame ends behind what is lost, too.
            Err(stop) => (intake.lost(), After::Halt(stop.into())),
        }
    }

    /// The name it was given, or is now `said` to have, and its size.
    pub(super) fn named(&self, said: Option<Digest>) -> Option<(Digest, u64)> {
        Some((self.digest.or(said)?, self.staging.len()))
    }

    /// Verifies and publishes it. For workers.
    pub(super) fn finish(self, said: Option<Digest>) -> Say {
        let received = self.staging.len();
        let carried = *self.intake.carried();
        let expected = self.digest.or(said);
        if let (Some(actual), Some(expected)) = (self.digest, said)
            && expected != actual
        {
            // One of the two is not what the bytes are.
            return refused(&Refusal::Mismatch { expected, actual });
        }
        let stored_as = self.staging.verify(expected.as_ref()).map_err(Refusal::from);
        match stored_as.and_then(|verified| Ok(verified.publish()?)) {
            Ok(published) => {
                note(&published, &carried);
                stored(&published, received)
            }
            Err(refusal) => refused(&refusal),
        }
    }
}

/// What a worker moves of a payload before another task has its turn.
const TURN_LEN: usize = 1 << 20;
