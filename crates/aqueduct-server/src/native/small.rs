//! Blobs that came whole in one frame: kept until there are enough of them for a worker, and stored together.

use std::sync::Arc;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::{Carried, Route};
use aqueduct_store::{Outcome, Published, PutError, Store, Whole};
use aqueduct_wire::native::{Put, Say, TaskId};

use super::Talk;
use super::putting;
use super::refusal::refused;
use crate::asked::Door;
use crate::cache::Cache;
use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::metrics::METRICS;
use crate::stored::note;

/// A few blobs.
#[derive(Debug, Default)]
pub(super) struct Small {
    blobs: Vec<Blob>,
    /// The bytes of all of them.
    len: usize,
}

#[derive(Debug)]
struct Blob {
    task: TaskId,
    algorithm: Algorithm,
    digest: Option<Digest>,
    bytes: Arc<[u8]>,
}

impl Small {
    /// Up to here a blob is copied rather than received by a route of its own: that takes more calls than the copy costs.
    pub(super) const LEN_MAX: u64 = 64 << 10;

    pub(super) fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Whether a worker has enough to do with these.
    pub(super) fn is_enough(&self) -> bool {
        self.blobs.len() >= COUNT || self.len >= BYTES_LEN
    }

    /// Takes a blob of `len` bytes from the inbox, where all of it is.
    pub(super) fn add(&mut self, task: TaskId, put: &Put, inbox: &mut Inbox, len: usize) {
        let bytes = inbox.bytes()[..len].into();
        inbox.take(len);
        METRICS.received_by(Door::Native, Route::Copy, len as u64);
        self.len += len;
        self.blobs.push(Blob { task, algorithm: put.algorithm, digest: put.digest, bytes });
    }

    /// Stores them, and says what became of each. What is new is kept in memory: it is likely to be asked for soon.
    pub(super) fn store(self, store: &Store, cache: &Cache, talk: &Talk) {
        let ticket = cache.ticket();
        let whole: Vec<_> = self.blobs.iter().map(Blob::whole).collect();
        let stored = store.put_all(&whole);
        for (blob, stored) in self.blobs.iter().zip(&stored) {
            if let Ok(Published { digest, size, outcome: Outcome::New }) = *stored
                && cache.admits(size)
            {
                cache.put(ticket, digest, Arc::clone(&blob.bytes));
            }
        }
        // Whoever hears and speaks needs what these are said under: all are made up before.
        let answer = |(blob, stored): (&Blob, _)| (blob.task, blob.answer(store, stored));
        let answers: Vec<_> = self.blobs.iter().zip(stored).map(answer).collect();
        talk.end_all(answers);
    }
}

impl Blob {
    fn whole(&self) -> Whole<'_> {
        Whole { algorithm: self.algorithm, expected: self.digest, bytes: &self.bytes }
    }

    fn answer(&self, store: &Store, outcome: Result<Published, PutError>) -> Say {
        let error = match outcome {
            // Nothing was needed of a blob that is here, and was named before it was sent.
            Ok(published) if published.outcome == Outcome::AlreadyPresent && self.digest.is_some() => {
                return stored(&published, 0);
            }
            Ok(published) => {
                note(&published, &Carried::by_route(Route::Copy, published.size));
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
