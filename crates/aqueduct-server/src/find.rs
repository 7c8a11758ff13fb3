//! Where the bytes of a blob are: in memory, or in a file.

use std::io;
use std::iter;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock};

use aqueduct_blob::{Algorithm, Digest, hash_each};
use aqueduct_store::{Blob, Store};

use crate::cache::{Cache, Ticket};
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

/// A blob that takes no look at the disk. While there are suspects, none is that would have to be read from a file: it may
/// be one.
pub(crate) fn at_hand(store: &Store, cache: &Cache, digest: &Digest) -> Option<Found> {
    let opened = || if store.has_suspects() { None } else { cache.opened(digest) };
    cache.find(digest).map(Found::Bytes).or_else(|| opened().map(Found::Open))
}

/// Whether a digest is that of no bytes at all.
pub(crate) fn is_nothing(digest: &Digest) -> bool {
    static NOTHING: LazyLock<Vec<Digest>> = LazyLock::new(|| hash_each(&[(Algorithm::Sha256, &[])]));
    NOTHING.contains(digest)
}

/// The blob of no bytes. Clients of build caches take it for granted, and name it without ever sending it.
pub(crate) fn nothing() -> Found {
    Found::Bytes(Arc::default())
}

/// Looks for a blob. A small one is read, hashed and kept in the cache, and a larger one is kept open.
pub(crate) fn find(store: &Store, cache: &Cache, digest: &Digest) -> Result<Option<Found>, Refusal> {
    find_first(store, cache, &[*digest], u64::MAX).pop().expect("the first of them has an outcome")
}

/// Looks for the first of these blobs, and hashes those that are small together. It goes on until there is a large one, or
/// `len_max` bytes or more of small ones.
pub(crate) fn find_first(
    store: &Store,
    cache: &Cache,
    digests: &[Digest],
    len_max: u64,
) -> Vec<Result<Option<Found>, Refusal>> {
    let ticket = cache.ticket();
    let (mut outcomes, mut unsure, mut len) = (Vec::new(), Vec::new(), 0);
    for digest in digests {
        let outcome = match at_hand(store, cache, digest) {
            Some(found) => Ok(Some(found)),
            None => {
                unsure.push(outcomes.len());
                read(store, cache, ticket, digest)
            }
        };
        let is_large = matches!(outcome, Ok(Some(Found::Open(_))));
        len += outcome.as_ref().map_or(0, |found| found.as_ref().map_or(0, Found::size));
        outcomes.push(outcome);
        if is_large || len >= len_max {
            break;
        }
    }
    let (places, blobs): (Vec<_>, Vec<_>) = (unsure.into_iter())
        .filter_map(|place| match &outcomes[place] {
            Ok(Some(Found::Bytes(bytes))) => Some((place, (digests[place].algorithm(), &**bytes))),
            _ => None,
        })
        .unzip();
    for (place, actual) in places.into_iter().zip(hash_each(&blobs)) {
        let digest = digests[place];
        if actual != digest {
            outcomes[place] = verify_again(store, cache, &digest);
        } else if let Ok(Some(Found::Bytes(bytes))) = &outcomes[place] {
            cache.put(ticket, digest, Arc::clone(bytes));
        }
    }
    outcomes
}

/// Opens a blob, and reads a small one. Nobody has looked yet whether that is what it says.
fn read(store: &Store, cache: &Cache, ticket: Ticket, digest: &Digest) -> Result<Option<Found>, Refusal> {
    let Some(blob) = store.blob(digest)? else {
        // Whoever took its file away did not tell.
        cache.close(digest);
        return Ok(None);
    };
    if !cache.admits(blob.size()) {
        cache.put_open(ticket, blob.clone());
        return Ok(Some(Found::Open(blob)));
    }
    match read_whole(&blob) {
        Ok(bytes) => Ok(Some(Found::Bytes(bytes))),
        // It became shorter since it was opened.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => verify_again(store, cache, digest),
        Err(error) => Err(fault("read a blob", &error)),
    }
}

fn read_whole(blob: &Blob) -> io::Result<Arc<[u8]>> {
    let len = usize::try_from(blob.size()).map_err(io::Error::other)?;
    let mut bytes: Arc<[u8]> = iter::repeat_n(0, len).collect();
    let alone = Arc::get_mut(&mut bytes).expect("nobody else has it yet");
    blob.file().read_exact_at(alone, 0)?;
    Ok(bytes)
}

/// Verifies a blob that was read and is not what it says: damaged, it goes to quarantine; then it is not here. Else it was read
/// wrong, or while somebody changed its file, and is read once more.
fn verify_again(store: &Store, cache: &Cache, digest: &Digest) -> Result<Option<Found>, Refusal> {
    tracing::error!(%digest, "a blob is not what its name says; verifying it");
    let checked = store.verify(digest, NonZeroUsize::MIN, &|_| {})?;
    if checked.is_none_or(|checked| !checked.damage.is_empty()) {
        return Ok(None);
    }
    let Some(blob) = store.blob(digest)? else { return Ok(None) };
    if !cache.admits(blob.size()) {
        return Ok(Some(Found::Open(blob)));
    }
    let bytes = read_whole(&blob).map_err(|error| fault("read a blob", &error))?;
    let is_right = hash_each(&[(digest.algorithm(), &bytes[..])]) == [*digest];
    Ok(is_right.then_some(Found::Bytes(bytes)))
}

#[cfg(test)]
mod tests;
