//! A client: one face for every dialect.

use std::io::Read;
use std::ops::Range;
use std::slice;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use crate::download::{self, Download};
use crate::endpoint::{Dialect, Endpoint};
use crate::error::Error;
use crate::http::HttpClient;
use crate::listing::{EntryKey, EntryPage, Page, PinPage, UploadPage};
use crate::native::NativeClient;
use crate::options::Options;
use crate::parcels::Parcels;
use crate::site::Site;
use crate::source::Source;
use crate::uploaded::{Observe, Uploaded};

/// A client of one server, for any number of threads. Each operation blocks, and uses a connection of its own.
#[derive(Debug)]
pub struct Client {
    spoken: Spoken,
}

#[derive(Debug)]
enum Spoken {
    Http(HttpClient),
    Native(NativeClient),
}

impl Client {
    /// A client of the server at `endpoint`. Nothing is sent before the first operation.
    #[must_use]
    pub fn new(endpoint: Endpoint, options: Options) -> Self {
        let dialect = endpoint.dialect();
        let site = Site::new(endpoint, options);
        let spoken = match dialect {
            Dialect::Http => Spoken::Http(HttpClient::new(site)),
            Dialect::Native => Spoken::Native(NativeClient::new(site)),
        };
        Self { spoken }
    }

    /// Where the server is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        match &self.spoken {
            Spoken::Http(http) => &http.site.endpoint,
            Spoken::Native(native) => &native.site.endpoint,
        }
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
        match &self.spoken {
            Spoken::Http(http) => http.put(digest, source, observe),
            Spoken::Native(native) => native.put(digest, source, observe),
        }
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
        match &self.spoken {
            Spoken::Http(http) => http.put_unnamed(algorithm, source, observe),
            Spoken::Native(native) => native.put_unnamed(algorithm, source, observe),
        }
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
        match &self.spoken {
            Spoken::Http(http) => http.put_stream(algorithm, source, observe),
            Spoken::Native(native) => native.put_stream(algorithm, source, observe),
        }
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
        assert!(part.is_none_or(|part| part.start < part.end), "there is nothing to ask for");
        let spoken = match &self.spoken {
            Spoken::Http(http) => http.get(digest, part)?.map(Box::new).map(download::Spoken::Http),
            Spoken::Native(native) => native.get(digest, part)?.map(Box::new).map(download::Spoken::Native),
        };
        Ok(spoken.map(|spoken| Download { digest: *digest, spoken }))
    }

    /// Which of these the server does not have, in the order given.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        match &self.spoken {
            Spoken::Http(http) => http.missing(digests),
            Spoken::Native(native) => native.missing(digests),
        }
    }

    /// The size of a blob in bytes; `None` if the server does not have it.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match &self.spoken {
            Spoken::Http(http) => http.size(digest),
            Spoken::Native(native) => native.size(digest),
        }
    }

    /// Up to `limit` blobs behind `after` in the order of their digests, or from the first on.
    ///
    /// The server may give fewer: there are more as long as [`Page::next`] names one.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds.
    pub fn list(&self, after: Option<&Digest>, limit: usize) -> Result<Page, Error> {
        match &self.spoken {
            Spoken::Http(http) => http.list(after, limit),
            Spoken::Native(native) => native.list(after, limit),
        }
    }

    /// Removes a blob; false if the server did not have it.
    ///
    /// # Errors
    ///
    /// [`Error`]; see its kinds. Where the connection broke, the blob may be removed.
    pub fn remove(&self, digest: &Digest) -> Result<bool, Error> {
        self.remove_all(&[*digest]).pop().expect("one question has one answer")
    }

    /// Removes blobs, and says of each, in the order given, what [`remove`](Self::remove) would. Over the native protocol
    /// all go over one connection.
    pub fn remove_all(&self, digests: &[Digest]) -> Vec<Result<bool, Error>> {
        match &self.spoken {
            Spoken::Http(http) => http.remove_all(digests),
            Spoken::Native(native) => native.remove_all(digests),
        }
    }

    /// Small blobs, many at a time; `None` over HTTP, which has them one after the other.
    #[must_use]
    pub fn parcels(&self) -> Option<Parcels<'_>> {
        match &self.spoken {
            Spoken::Http(_) => None,
            Spoken::Native(native) => Some(Parcels { native }),
        }
    }

    /// Up to `limit` uploads behind `after` in the order of their ids, or from the first on.
    ///
    /// The server may give fewer: there are more as long as [`UploadPage::next`] names one.
    ///
    /// # Errors
    ///
    /// `Unspoken` over HTTP, which has no word for it. See the other kinds.
    pub fn uploads(&self, after: Option<&UploadId>, limit: usize) -> Result<UploadPage, Error> {
        match &self.spoken {
            Spoken::Http(http) => Err(Error::unspoken(&http.site.endpoint)),
            Spoken::Native(native) => native.uploads(after, limit),
        }
    }

    /// Pins a name, so that its blob is never evicted; true if the blob is there.
    ///
    /// # Errors
    ///
    /// `Unspoken` over the native protocol, which has no word for it. See the other kinds.
    pub fn pin(&self, digest: &Digest) -> Result<bool, Error> {
        self.in_http()?.pin(digest)
    }

    /// Takes a pin away; false if there was none.
    ///
    /// # Errors
    ///
    /// As [`pin`](Self::pin). Where the connection broke, the pin may be gone.
    pub fn unpin(&self, digest: &Digest) -> Result<bool, Error> {
        self.in_http()?.unpin(digest)
    }

    /// A page of pinned names behind `after` in their order, or from the first on.
    ///
    /// # Errors
    ///
    /// As [`pin`](Self::pin).
    pub fn pins(&self, after: Option<&Digest>) -> Result<PinPage, Error> {
        self.in_http()?.pins(after)
    }

    /// Up to `limit` entries of build caches behind `after` in the order of their names, or from the first on: of all
    /// namespaces, or of one.
    ///
    /// The server may give fewer: there are more as long as [`EntryPage::next`] names one.
    ///
    /// # Errors
    ///
    /// As [`pin`](Self::pin).
    pub fn entries(
        &self,
        namespace: Option<&str>,
        after: Option<&EntryKey>,
        limit: usize,
    ) -> Result<EntryPage, Error> {
        self.in_http()?.entries(namespace, after, limit)
    }

    /// Removes an entry; false if the server did not have it. The blobs that it names stay.
    ///
    /// # Errors
    ///
    /// As [`pin`](Self::pin). Where the connection broke, the entry may be gone.
    pub fn remove_entry(&self, name: &EntryKey) -> Result<bool, Error> {
        self.remove_entries(slice::from_ref(name)).pop().expect("one question has one answer")
    }

    /// Removes entries, and says of each, in the order given, what [`remove_entry`](Self::remove_entry) would. They go over
    /// several connections.
    pub fn remove_entries(&self, names: &[EntryKey]) -> Vec<Result<bool, Error>> {
        match self.in_http() {
            Ok(http) => http.remove_entries(names),
            Err(error) => names.iter().map(|_| Err(error.shared())).collect(),
        }
    }

    /// What the server says of itself, as it says it: one object of JSON, see docs/operations.md.
    ///
    /// # Errors
    ///
    /// `Unspoken` over the native protocol, which has no word for it; `Protocol` if the server has none either. See the other
    /// kinds.
    pub fn status(&self) -> Result<serde_json::Value, Error> {
        self.in_http()?.status()
    }

    fn in_http(&self) -> Result<&HttpClient, Error> {
        match &self.spoken {
            Spoken::Http(http) => Ok(http),
            Spoken::Native(native) => Err(Error::unspoken(&native.site.endpoint)),
        }
    }

    /// Drops an upload; false if the server did not have it. What is published stays.
    ///
    /// # Errors
    ///
    /// `Unspoken` over HTTP, which has no word for it. See the other kinds.
    pub fn drop_upload(&self, id: UploadId) -> Result<bool, Error> {
        match &self.spoken {
            Spoken::Http(http) => Err(Error::unspoken(&http.site.endpoint)),
            Spoken::Native(native) => native.drop_upload(id),
        }
    }
}
