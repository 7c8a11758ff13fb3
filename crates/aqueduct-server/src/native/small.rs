//! Blobs that came whole in one frame: kept until there are enough of them for a worker, and stored together.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::{Carried, Intake, ReceiveRoute, Step};
use aqueduct_store::{Outcome, Published, Store, Verified};
use aqueduct_wire::native::{Put, Say, TaskId};

use super::Talk;
use super::putting;
use super::refusal::refused;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::staged::log_stored;
use crate::work::{self, Begun};

/// A few blobs, and their bytes one after the other.
#[derive(Debug, Default)]
pub(super) struct Small {
    blobs: Vec<Blob>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Blob {
    task: TaskId,
    algorithm: Algorithm,
    digest: Option<Digest>,
    place: Range<usize>,
}

impl Small {
    /// Up to here a blob is copied rather than received by a route of its own: that takes more calls than the copy costs.
    pub(super) const LEN_MAX: u64 = 64 << 10;

    pub(super) fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Whether a worker has enough to do with these.
    pub(super) fn is_enough(&self) -> bool {
        self.blobs.len() >= COUNT || self.bytes.len() >= BYTES_LEN
    }

    /// Takes a blob of `len` bytes from the inbox, where all of it is.
    pub(super) fn add(&mut self, task: TaskId, put: &Put, inbox: &mut Inbox, len: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&inbox.bytes()[..len]);
        inbox.take(len);
        let place = start..start + len;
        self.blobs.push(Blob { task, algorithm: put.algorithm, digest: put.digest, place });
    }

    /// Stores them, and says what became of each.
    pub(super) fn store(self, store: &Store, talk: &Talk) {
        let Self { blobs, bytes } = self;
        let mut tasks = Vec::new();
        let mut ready = Vec::new();
        for blob in blobs {
            match stage(store, &blob, &bytes[blob.place.clone()]) {
                Ok(Staged::Present(published)) => talk.end(blob.task, stored(&published, 0)),
                Ok(Staged::Verified(verified, carried)) => {
                    tasks.push((blob.task, carried));
                    ready.push(verified);
                }
                Err(refusal) => talk.end(blob.task, refused(&refusal)),
            }
        }
        for ((task, carried), published) in tasks.into_iter().zip(store.publish_all(ready)) {
            let say = match published {
                Ok(published) => {
                    log_stored(&published, &carried);
                    stored(&published, carried.total())
                }
                Err(error) => refused(&error.into()),
            };
            talk.end(task, say);
        }
    }
}

/// The last answer of a put that succeeded.
pub(super) fn stored(published: &Published, received: u64) -> Say {
    let Published { digest, size, outcome } = *published;
    Say::Stored { digest, size, is_new: outcome == Outcome::New, received }
}

enum Staged {
    Present(Published),
    Verified(Verified, Carried),
}

fn stage(store: &Store, blob: &Blob, bytes: &[u8]) -> Result<Staged, Refusal> {
    // All of it is here: to reserve space first would only be one call more.
    let mut staging = match putting::stage(store, blob.algorithm, blob.digest, None)? {
        Begun::Present(published) => return Ok(Staged::Present(published)),
        Begun::Staging(staging) => staging,
    };
    let mut intake = Intake::new(ReceiveRoute::Copy);
    let put = staging.fill(&mut |file, offset, observe| {
        intake.put(bytes, file, offset, &mut |bytes| observe(bytes))?;
        Ok(Step::Moved(bytes.len()))
    });
    let _ = put.map_err(|error| work::fault("receive a blob", &error))?;
    Ok(Staged::Verified(staging.verify(blob.digest.as_ref())?, *intake.carried()))
}

/// As many as one round of a group commit is good for. Each has a file open until it is published.
pub(crate) const COUNT: usize = 32;

/// What is held in memory of them, about.
const BYTES_LEN: usize = 128 << 10;

/// How many such batches all workers together may have before them: some 20 MiB.
pub(crate) const GATHERED_COUNT_MAX: usize = 128;
