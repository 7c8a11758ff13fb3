//! Small blobs in memory, many at a time.

use aqueduct_blob::{Digest, SEGMENT_LEN};

use crate::error::Error;
use crate::native::NativeClient;
use crate::uploaded::Uploaded;

/// Sends and fetches small blobs over one connection, without waiting for one before the next.
#[derive(Clone, Copy, Debug)]
pub struct Parcels<'c> {
    pub(crate) native: &'c NativeClient,
}

/// A small blob, and its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// That of `bytes`.
    pub digest: Digest,
    /// The whole blob, at most 4 MiB.
    pub bytes: Vec<u8>,
}

/// What came of a question for a small blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got<'a> {
    /// The whole blob, verified.
    Blob(&'a [u8]),
    /// It is not there.
    Absent,
    /// It has more than 4 MiB, or was damaged on its way: [`Client::get`](crate::Client::get) brings it.
    Large,
}

impl Parcels<'_> {
    /// Sends blobs, and tells of each, by its place among them, what became of it.
    ///
    /// # Panics
    ///
    /// If one has more than 4 MiB.
    pub fn put(&self, parcels: &[Parcel], tell: &mut dyn FnMut(usize, Result<Uploaded, Error>)) {
        assert!(parcels.iter().all(|it| it.bytes.len() as u64 <= SEGMENT_LEN), "a parcel is small");
        self.native.send_parcels(parcels, tell);
    }

    /// Asks for whole blobs, each with a number, and tells by that what came. They are taken when their turn comes, so that
    /// several threads can share them; where the server is lost, what was taken has failed, and the rest is left.
    pub fn get(
        &self,
        wanted: &mut dyn Iterator<Item = (usize, Digest)>,
        tell: &mut dyn FnMut(usize, Result<Got<'_>, Error>),
    ) {
        self.native.fetch_parcels(wanted, tell);
    }
}
