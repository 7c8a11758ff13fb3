//! A client: one face for every dialect.

use std::io::Read;
use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest};

use crate::download::Download;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::http::HttpClient;
use crate::listing::Page;
use crate::options::Options;
use crate::site::Site;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

/// A client of one server, for any number of threads. Each operation blocks, and uses a connection of its own.
#[derive(Debug)]
pub struct Client {
    http: HttpClient,
}

impl Client {
    /// A client of the server at `endpoint`. Nothing is sent before the first operation.
    #[must_use]
    pub fn new(endpoint: Endpoint, options: Options) -> Self {
        Self { http: HttpClient::new(Site::new(endpoint, options)) }
    }

    /// Where the server is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.http.site.endpoint
    }

    /// Sends a file under the digest that it had when it was seen. The server verifies it.
    ///
    /// Whoever has many asks first which are [`missing`](Self::missing).
    ///
    /// # Errors
    ///
    /// `Changed` if the file is not what it was when it was seen; `Mismatch` if it is, and yet the server received
    /// something else. See the other kinds.
    pub fn put<'a>(
        &self,
        digest: &Digest,
        source: &Source,
        observe: &'a mut Observe<'a>,
    ) -> Result<Uploaded, Error> {
        self.http.put(digest, source, observe)
    }

    /// Sends a file, and finds its digest meanwhile. If the digest is known before everything is sent, and the server
    /// has that blob, the rest is not sent.
    ///
    /// # Errors
    ///
    /// `Changed` if somebody wrote to the file meanwhile; `Mismatch` if nobody did, and the server received something
    /// else than what is in it. See the other kinds.
    pub fn put_unnamed<'a>(
        &self,
        algorithm: Algorithm,
        source: &Source,
        observe: &'a mut Observe<'a>,
    ) -> Result<Uploaded, Error> {
        self.http.put_unnamed(algorithm, source, observe)
    }

    /// Sends a stream to its end. It cannot be read twice, so that what breaks is not taken up again.
    ///
    /// # Errors
    ///
    /// `Mismatch` if the server received something else than what was read. See the other kinds.
    pub fn put_stream(
        &self,
        algorithm: Algorithm,
        source: &mut dyn Read,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        self.http.put_stream(algorithm, source, observe)
    }

    /// Asks for a blob, or the part of it that is `part`; `None` if the server does not have it.
    ///
    /// `part` lies within the blob: see [`size`](Self::size).
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    ///
    /// # Panics
    ///
    /// If `part` is empty.
    pub fn get(&self, digest: &Digest, part: Option<&Range<u64>>) -> Result<Option<Download<'_>>, Error> {
        assert!(part.is_none_or(|part| part.start < part.end), "HTTP has no word for an empty range");
        Ok(self.http.get(digest, part)?.map(|it| Download::new(*digest, it)))
    }

    /// Which of these the server does not have, in the order given.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        self.http.missing(digests)
    }

    /// The size of a blob in bytes; `None` if the server does not have it.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        self.http.size(digest)
    }

    /// Up to `limit` blobs behind `after` in the order of their digests, or from the first on.
    ///
    /// The server may give fewer: there are more as long as [`Page::next`] names one.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Page, Error> {
        self.http.list(after, limit)
    }

    /// Removes a blob; false if the server did not have it.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn remove(&self, digest: &Digest) -> Result<bool, Error> {
        self.http.remove(digest)
    }
}
