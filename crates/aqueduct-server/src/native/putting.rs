//! Blobs that come in more than one frame, and those that are too large to be held: received by workers, a turn at a time.

use std::collections::HashMap;
use std::mem;

use aqueduct_blob::Digest;
use aqueduct_flow::Intake;
use aqueduct_store::Staging;
use aqueduct_wire::native::{Put, Say, TaskId};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::refusal::refused;
use super::small::stored;
use crate::door::{Name, Refusal, Write};
use crate::inbox::Inbox;
use crate::pour::{Stop, pour};
use crate::reply::TURN_LEN;
use crate::server::Shared;
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

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn add(&mut self, task: TaskId, putting: Putting) {
        self.open.insert(task, putting);
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

    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskId> {
        self.open.keys().copied()
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
}

#[derive(Debug)]
pub(super) struct Plain {
    staging: Staging,
    intake: Intake,
    digest: Option<Digest>,
    _descriptor: OwnedSemaphorePermit,
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
pub(super) fn open(shared: &Shared, put: &Put, descriptor: OwnedSemaphorePermit) -> Opened {
    begin(shared, put, descriptor).unwrap_or_else(|refusal| Opened::Over(refused(&refusal)))
}

fn begin(shared: &Shared, put: &Put, descriptor: OwnedSemaphorePermit) -> Result<Opened, Refusal> {
    let limit = shared.options.blob_size_max;
    if put.size.is_some_and(|size| size > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let name = put.digest.map_or(Name::Found(put.algorithm), Name::Given);
    let write = Write { name, if_present: true, if_absent: true };
    Ok(match work::begin(&shared.store, write, put.size)? {
        Begun::Present(published) => Opened::Over(stored(&published, 0)),
        Begun::Staging(staging) => {
            let plain = Plain {
                staging: *staging,
                intake: Intake::new(shared.options.receive_route),
                digest: put.digest,
                _descriptor: descriptor,
            };
            Opened::Open { putting: Putting::Plain(Box::new(plain)), say: None }
        }
    })
}

/// What became of one turn.
#[derive(Debug)]
pub(super) struct Poured {
    pub(super) putting: Putting,
    pub(super) inbox: Inbox,
    /// What the peer is to be told.
    pub(super) say: Vec<Say>,
    /// How many bytes moved. If that is not all, the peer has no more for now, or others shall have their turn.
    pub(super) moved: Result<u64, Stop>,
}

impl Putting {
    /// Takes up to `len` bytes from the peer, as many as there are and one turn allows. For workers.
    pub(super) fn pour(mut self, shared: &Shared, mut inbox: Inbox, stream: &TcpStream, len: u64) -> Poured {
        let len_max = usize::try_from(len).map_or(TURN_LEN, |len| len.min(TURN_LEN));
        let mut moved = 0;
        let poured = loop {
            if moved == len_max {
                break Ok(moved as u64);
            }
            match self.step(shared, &mut inbox, stream, len_max - moved) {
                Ok(Some(len)) => moved += len,
                Ok(None) => break Ok(moved as u64),
                Err(stop) => break Err(stop),
            }
        };
        Poured { putting: self, inbox, say: Vec::new(), moved: poured }
    }

    fn step(
        &mut self,
        shared: &Shared,
        inbox: &mut Inbox,
        stream: &TcpStream,
        len_max: usize,
    ) -> Result<Option<usize>, Stop> {
        match self {
            Self::Plain(plain) => {
                let Plain { staging, intake, .. } = &mut **plain;
                let limit = shared.options.blob_size_max;
                if staging.len().saturating_add(len_max as u64) > limit {
                    return Err(Stop::Refused(Refusal::TooLarge { limit }));
                }
                pour(staging, intake, inbox, stream, len_max)
            }
        }
    }
}

impl Plain {
    /// Verifies and publishes it. For workers.
    pub(super) fn finish(self, said: Option<Digest>) -> Say {
        let received = self.staging.len();
        let carried = *self.intake.carried();
        let expected = self.digest.or(said);
        let stored_as = self.staging.verify(expected.as_ref()).map_err(Refusal::from);
        match stored_as.and_then(|verified| Ok(verified.publish()?)) {
            Ok(published) => {
                tracing::debug!(digest = %published.digest, size = published.size, %carried, "stored");
                stored(&published, received)
            }
            Err(refusal) => refused(&refusal),
        }
    }
}
