//! Blobs that came whole in one frame: kept until there are enough of them for a worker, and stored together.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::{Carried, Route};
use aqueduct_store::{Outcome, Published, PutError, Store, Whole};
use aqueduct_wire::native::{Put, Say, TaskId};

use super::Talk;
use super::putting;
use super::refusal::refused;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::staged::log_stored;

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
        let whole: Vec<_> = blobs.iter().map(|blob| blob.whole(&bytes)).collect();
        for (blob, stored) in blobs.iter().zip(store.put_all(&whole)) {
            talk.end(blob.task, blob.answer(store, stored));
        }
    }
}

impl Blob {
    fn whole<'a>(&self, bytes: &'a [u8]) -> Whole<'a> {
        Whole { algorithm: self.algorithm, expected: self.digest, bytes: &bytes[self.place.clone()] }
    }

    fn answer(&self, store: &Store, outcome: Result<Published, PutError>) -> Say {
        let error = match outcome {
            // Nothing was needed of a blob that is here, and was named before it was sent.
            Ok(published) if published.outcome == Outcome::AlreadyPresent && self.digest.is_some() => {
                return stored(&published, 0);
            }
            Ok(published) => {
                log_stored(&published, &Carried::by_route(Route::Copy, published.size));
                return stored(&published, published.size);
            }
            Err(error) => error,
        };
        let may_be_here = matches!(error, PutError::Publish(_));
        let refusal = Refusal::from(error);
        // A disk that is full or fails, of which the log tells, is no reason to refuse what is here already.
        match self.digest.filter(|_| may_be_here).map(|digest| putting::present(store, digest)) {
            Some(Ok(Some(published))) => stored(&published, 0),
            _ => refused(&refusal),
        }
    }
}

/// The last answer of a put that succeeded.
pub(super) fn stored(published: &Published, received: u64) -> Say {
    let Published { digest, size, outcome } = *published;
    Say::Stored { digest, size, is_new: outcome == Outcome::New, received }
}

/// As many as one round of a group commit is good for. Each has a file open until it is published.
pub(crate) const COUNT: usize = 32;

/// What is held in memory of them, about.
const BYTES_LEN: usize = 128 << 10;

/// How many such batches all workers together may have before them: some 20 MiB.
pub(crate) const GATHERED_COUNT_MAX: usize = 128;
