//! Files whose digest is not known yet: they are hashed while they are sent.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use aqueduct_blob::{Algorithm, Digest};
use http::Method;

use super::Progress;
use crate::error::Error;
use crate::http::HttpClient;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

impl HttpClient {
    /// Sends a file, and finds its digest meanwhile. If the digest is known before everything is sent, and the server
    /// has that blob, the rest is not sent.
    pub(crate) fn put_unnamed<'a>(
        &self,
        algorithm: Algorithm,
        source: &Source,
        observe: &'a mut Observe<'a>,
    ) -> Result<Uploaded, Error> {
        let target = unnamed_target(algorithm);
        let mut progress = Progress::new(source.size(), observe);
        let race = Race::default();
        let (sent, hashed) = thread::scope(|scope| {
            let hashing = scope.spawn(|| race.hash(self, source, algorithm));
            let stop = |left| {
                race.is_sent.store(left == 0, Ordering::Relaxed);
                race.is_decided.load(Ordering::Relaxed)
            };
            let sent =
                self.site.persist(|_| self.send_file(&Method::POST, &target, source, &mut progress, &stop));
            race.is_lost.store(sent.is_err(), Ordering::Relaxed);
            (sent, hashing.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let ((stored, carried), digest) = (sent?, hashed?);
        if source.has_changed()? {
            return Err(Error::changed());
        }
        let is_new = match stored {
            Some(stored) if stored.digest != digest => {
                return Err(Error::stored_other(&self.site.endpoint, &digest, &stored.digest));
            }
            Some(stored) => stored.is_new,
            None => false,
        };
        Ok(Uploaded { digest, size: source.size(), is_new, sent: progress.sent, carried })
    }
}

/// Where the server names the blob.
pub(super) fn unnamed_target(algorithm: Algorithm) -> String {
    format!("/blobs?digest={algorithm}")
}

/// What the two threads tell each other.
#[derive(Debug, Default)]
struct Race {
    /// There is nothing to send any more: the blob is there, or cannot be read.
    is_decided: AtomicBool,
    /// Everything is sent: to ask would save nothing.
    is_sent: AtomicBool,
    /// The upload failed: the digest is of no use.
    is_lost: AtomicBool,
}

impl Race {
    fn hash(&self, client: &HttpClient, source: &Source, algorithm: Algorithm) -> Result<Digest, Error> {
        let hashed = source.hash_unless(algorithm, &self.is_lost);
        let is_decided = match &hashed {
            Err(_) => true,
            // What cannot be asked is sent.
            Ok(digest) => {
                !self.is_sent.load(Ordering::Relaxed)
                    && client.missing(&[*digest]).is_ok_and(|missing| missing.is_empty())
            }
        };
        self.is_decided.store(is_decided, Ordering::Relaxed);
        hashed
    }
}
