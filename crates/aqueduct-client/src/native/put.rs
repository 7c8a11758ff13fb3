//! Blobs to a server: small ones whole in one frame, large ones as uploads that can be taken up again.

mod batch;
mod ledger;
mod plain;
mod sender;
mod stream;
mod upload;

use aqueduct_blob::{Algorithm, Digest, SEGMENT_LEN};
use aqueduct_wire::native::Say;

use super::NativeClient;
use crate::error::Error;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

impl NativeClient {
    /// Sends a file under the digest that it had when it was seen.
    pub(crate) fn put(
        &self,
        digest: &Digest,
        source: &Source,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        if source.size() <= SEGMENT_LEN {
            self.put_plain(digest, source, observe)
        } else {
            self.put_upload(digest.algorithm(), Some(digest), source, observe)
        }
    }

    /// Sends a file, and finds its digest meanwhile.
    pub(crate) fn put_unnamed(
        &self,
        algorithm: Algorithm,
        source: &Source,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        if source.size() <= SEGMENT_LEN {
            // That takes some milliseconds.
            let digest = source.hash(algorithm)?;
            self.put_plain(&digest, source, observe)
        } else {
            self.put_upload(algorithm, None, source, observe)
        }
    }

    /// Holds the last answer of a put against what was sent.
    fn stored(&self, say: &Say, digest: &Digest) -> Result<bool, Error> {
        match say {
            Say::Stored { digest: stored, is_new, .. } if stored == digest => Ok(*is_new),
            Say::Stored { digest: stored, .. } => {
                Err(Error::stored_other(&self.site.endpoint, digest, stored))
            }
            other => Err(self.failure(other)),
        }
    }
}

/// How often bytes that arrive damaged are sent again.
const AGAIN_COUNT_MAX: u32 = 3;
