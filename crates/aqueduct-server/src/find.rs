//! Where the bytes of a blob are: in memory, or in a file.

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use aqueduct_blob::{Digest, hash_each};
use aqueduct_store::{Blob, Store};

use crate::cache::Cache;
use crate::door::Refusal;
use crate::work::fault;

/// A blob that was found, in the form in which it is sent.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// All of a small one.
    Bytes(Arc<[u8]>),
    Open(Blob),
}

impl Found {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Open(blob) => blob.size(),
        }
    }
}

/// Looks for a blob. A small one is read, hashed and kept in the cache.
pub(crate) fn find(store: &Store, cache: &Cache, digest: &Digest) -> Result<Option<Found>, Refusal> {
    find_all(store, cache, &[*digest]).pop().expect("each has an outcome")
}

/// Looks for blobs, and hashes those that are small together.
pub(crate) fn find_all(
    store: &Store,
    cache: &Cache,
    digests: &[Digest],
) -> Vec<Result<Option<Found>, Refusal>> {
    let ticket = cache.ticket();
    let mut outcomes: Vec<_> = digests.iter().map(|digest| read(store, digest)).collect();
    let (places, blobs): (Vec<_>, Vec<_>) = (digests.iter().zip(&outcomes).enumerate())
        .filter_map(|(place, (digest, outcome))| match outcome {
            Ok(Some(Found::Bytes(bytes))) => Some((place, (digest.algorithm(), &**bytes))),
            _ => None,
        })
        .unzip();
    for (place, actual) in places.into_iter().zip(hash_each(&blobs)) {
        let digest = digests[place];
        if actual != digest {
            outcomes[place] = quarantine(store, &digest);
        } else if let Ok(Some(Found::Bytes(bytes))) = &outcomes[place] {
            cache.put(ticket, digest, Arc::clone(bytes));
        }
    }
    outcomes
}

/// Opens a blob, and reads a small one. Nobody has looked yet whether it is what it says.
fn read(store: &Store, digest: &Digest) -> Result<Option<Found>, Refusal> {
    let Some(blob) = store.blob(digest)? else { return Ok(None) };
    if !Cache::admits(blob.size()) {
        return Ok(Some(Found::Open(blob)));
    }
    let bytes = read_whole(&blob).map_err(|error| fault("read a blob", &error))?;
    Ok(Some(Found::Bytes(bytes.into())))
}

fn read_whole(blob: &Blob) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(blob.size()).map_err(io::Error::other)?];
    blob.file().read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Verifies a blob that was read and is not what it says: damaged, it goes to quarantine; then it is not here.
fn quarantine(store: &Store, digest: &Digest) -> Result<Option<Found>, Refusal> {
    tracing::error!(%digest, "a blob is not what its name says; verifying it");
    store.verify(digest, NonZeroUsize::MIN, &|_| {})?;
    Ok(None)
}
