//! Files whose digest is known.

use aqueduct_blob::Digest;
use http::Method;

use super::Progress;
use crate::error::{Error, ErrorKind};
use crate::http::HttpClient;
use crate::http::questions::target;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

impl HttpClient {
    /// Sends a file under the digest that it had when it was seen. The server verifies it.
    ///
    /// Whoever has many asks first which are [`missing`](Self::missing).
    pub(crate) fn put<'a>(
        &self,
        digest: &Digest,
        source: &Source,
        observe: &'a mut Observe<'a>,
    ) -> Result<Uploaded, Error> {
        let mut progress = Progress::new(source.size(), observe);
        let sent = self
            .site
            .persist(|_| self.send_file(&Method::PUT, &target(digest), source, &mut progress, &|_| false));
        let (stored, carried) = match sent {
            Ok((stored, carried)) => (stored.expect("nobody stops it"), carried),
            Err(error) if error.kind() == ErrorKind::Mismatch && source.has_changed()? => {
                return Err(Error::changed());
            }
            Err(error) => return Err(error),
        };
        if source.has_changed()? {
            return Err(Error::changed());
        }
        if stored.digest != *digest {
            return Err(Error::stored_other(&self.site.endpoint, digest, &stored.digest));
        }
        let (size, sent) = (source.size(), progress.sent);
        Ok(Uploaded { digest: *digest, size, is_new: stored.is_new, sent, carried })
    }
}
