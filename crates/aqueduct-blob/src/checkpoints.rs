//! The checkpoint list: 32 bytes a segment that let each segment be verified alone, in any order, on any
//! core.

mod encoding;

use crate::chain::Chain;
use crate::digest::{Algorithm, Digest};
use crate::segment::{SEGMENT_LEN, SegmentHasher, segment_count, segment_range};
use crate::tree;

/// The checkpoints of one blob.
///
/// For SHA-256, a chain, an entry is the state between two segments, in the byte order of a digest:
///
/// ```text
///   initial state ──segment 0──▶ entry 0 ──segment 1──▶ entry 1 ──segment 2 and padding──▶ digest
/// ```
///
/// A blob of `k` segments has `k - 1` entries. The list itself proves nothing: once every segment has led
/// from its entry to the next one, and the last to the digest, the whole has been the SHA-256 computation,
/// out of order.
///
/// For BLAKE3, a tree, an entry is the chaining value of a segment's subtree:
///
/// ```text
///                  digest
///             ┌──────┴───────┐
///        ┌────┴────┐         │
///     entry 0   entry 1   entry 2
///        │         │         │
///    segment 0 segment 1 segment 2
/// ```
///
/// A blob of `k` segments has `k` entries, which merge to the digest: the list proves itself before a byte is
/// seen.
///
/// A blob of one segment, of either algorithm, has an empty list: its digest says all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointList {
    algorithm: Algorithm,
    size: u64,
    /// As many as `checkpoint_count(algorithm, size)`.
    entries: Vec<[u8; 32]>,
}

impl CheckpointList {
    /// Takes `entries` as the checkpoints of a blob of `size` bytes. Nothing is said of their truth.
    ///
    /// # Errors
    ///
    /// [`CheckpointListError::WrongCount`] when a blob of that size and algorithm has another count.
    pub fn new(algorithm: Algorithm, size: u64, entries: Vec<[u8; 32]>) -> Result<Self, CheckpointListError> {
        let expected = checkpoint_count(algorithm, size);
        let actual = entries.len() as u64;
        if actual != expected {
            return Err(CheckpointListError::WrongCount { expected, actual });
        }
        Ok(Self { algorithm, size, entries })
    }

    /// The algorithm whose intermediate values the entries are.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The size of the blob.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The entries, in the order of the segments.
    pub fn entries(&self) -> &[[u8; 32]] {
        &self.entries
    }

    /// Whether `segment`, the bytes of segment `index`, agrees with the list and with `digest`.
    ///
    /// False for a digest of another algorithm, an index past the last segment, or bytes that are not as many
    /// as the segment has. For SHA-256 one segment that agrees proves nothing about the digest before all
    /// others do: it tells damage, not a lie. For BLAKE3 it is proof when the list [proves](Self::proves) the
    /// digest.
    pub fn check(&self, digest: &Digest, index: u64, segment: &[u8]) -> bool {
        let range = segment_range(self.size, index);
        if digest.algorithm() != self.algorithm
            || index >= segment_count(self.size)
            || segment.len() as u64 != range.end - range.start
        {
            return false;
        }
        let mut hasher = self.segment_hasher(index);
        hasher.update(segment);
        hasher.finish() == *self.after(digest, index)
    }

    /// Whether the list alone proves that its entries belong to `digest`.
    ///
    /// Always false for SHA-256, whose list is a claim until every segment has been checked, and for an empty
    /// list.
    pub fn proves(&self, digest: &Digest) -> bool {
        self.algorithm == Algorithm::Blake3
            && digest.algorithm() == Algorithm::Blake3
            && !self.entries.is_empty()
            && tree::root(&self.entries) == *digest.as_bytes()
    }

    /// Begins segment `index`, which exists, from what the list says is before it.
    pub(crate) fn segment_hasher(&self, index: u64) -> SegmentHasher {
        match self.algorithm {
            Algorithm::Blake3 => SegmentHasher::tree(self.size, index),
            Algorithm::Sha256 => {
                let start = match index {
                    0 => Chain::new(),
                    _ => Chain::resume(self.entry(index - 1), index * SEGMENT_LEN),
                };
                SegmentHasher::chain(self.size, index, start)
            }
        }
    }

    /// What the hasher of segment `index`, which exists, must end in.
    pub(crate) fn after<'a>(&'a self, digest: &'a Digest, index: u64) -> &'a [u8; 32] {
        let ends_in_digest = match self.algorithm {
            Algorithm::Sha256 => index + 1 == segment_count(self.size),
            Algorithm::Blake3 => self.entries.is_empty(),
        };
        if ends_in_digest { digest.as_bytes() } else { self.entry(index) }
    }

    fn entry(&self, index: u64) -> &[u8; 32] {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.entries.get(index))
            .expect("a list has the count of entries that its size asks for")
    }
}

/// Why entries or bytes are not a [`CheckpointList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointListError {
    /// A blob of this size and algorithm has another count of entries.
    #[error("the blob has {expected} checkpoints, and the list holds {actual}")]
    WrongCount {
        /// The count that the size and the algorithm ask for.
        expected: u64,
        /// The count that was found.
        actual: u64,
    },
    /// The bytes end before the smallest list would.
    #[error("{len} bytes are too few for a checkpoint list")]
    TooShort {
        /// Bytes found.
        len: usize,
    },
    /// The bytes do not begin as a list does.
    #[error("this is not a checkpoint list")]
    WrongMagic,
    /// The list was written by another version of the format.
    #[error("the checkpoint list is of format version {version}, and this program reads version 1")]
    UnknownVersion {
        /// The version found.
        version: u8,
    },
    /// The bytes are not as many as the list says it has.
    #[error("the checkpoint list says it holds {count} entries, and its {len} bytes do not")]
    WrongLength {
        /// The count of entries that the list says it has.
        count: u64,
        /// Bytes found.
        len: usize,
    },
    /// The bytes have changed since they were written.
    #[error("the checkpoint list does not match its checksum")]
    WrongChecksum,
    /// The list is of an algorithm that this program does not know.
    #[error("the checkpoint list is of an unknown algorithm, number {number}")]
    UnknownAlgorithm {
        /// The number found.
        number: u8,
    },
}

/// The count of entries in the list of a blob of `size` bytes.
pub const fn checkpoint_count(algorithm: Algorithm, size: u64) -> u64 {
    match (algorithm, segment_count(size)) {
        (_, 1) => 0,
        (Algorithm::Sha256, count) => count - 1,
        (Algorithm::Blake3, count) => count,
    }
}

#[cfg(test)]
mod tests;
