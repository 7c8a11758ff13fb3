//! Segments: the 4 MiB pieces of a blob that can be hashed and verified alone.

use std::ops::Range;

use blake3::hazmat::HasherExt;

use crate::chain::Chain;
use crate::tree;

/// Bytes in a segment; only the last one of a blob may be shorter.
///
/// A multiple of SHA-256's 64-byte block, so that a boundary never splits one, and a power of two of BLAKE3's
/// 1 KiB chunks, so that a segment is a subtree.
pub const SEGMENT_LEN: u64 = 4 << 20;

/// The count of segments in a blob of `size` bytes. The empty blob has one, which is empty.
pub const fn segment_count(size: u64) -> u64 {
    let count = size.div_ceil(SEGMENT_LEN);
    if count == 0 { 1 } else { count }
}

/// Where segment `index` lies in a blob of `size` bytes; empty, at the end of the blob, for an index past the
/// last.
pub fn segment_range(size: u64, index: u64) -> Range<u64> {
    let start = index.saturating_mul(SEGMENT_LEN).min(size);
    start..start.saturating_add(SEGMENT_LEN).min(size)
}

/// Hashes one segment alone and gives the 32 bytes that the checkpoints, or the digest, must hold for it.
///
/// Must be given all bytes of the segment and no others.
pub(crate) struct SegmentHasher {
    algorithm: Segment,
    place: Place,
}

impl SegmentHasher {
    /// Goes on with the SHA-256 chain from `start`, the chain before segment `index`.
    pub(crate) fn chain(size: u64, index: u64, start: Chain) -> Self {
        Self { algorithm: Segment::Chain(start), place: Place::of(size, index) }
    }

    /// Hashes segment `index` as a BLAKE3 subtree.
    pub(crate) fn tree(size: u64, index: u64) -> Self {
        let hasher = tree::segment_hasher(index * SEGMENT_LEN);
        Self { algorithm: Segment::Tree(hasher), place: Place::of(size, index) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.algorithm {
            Segment::Chain(chain) => chain.update(bytes),
            Segment::Tree(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        match (self.algorithm, self.place) {
            (Segment::Chain(chain), Place::Inner) => chain.state(),
            (Segment::Chain(chain), Place::Last | Place::Only) => chain.finish(),
            (Segment::Tree(hasher), Place::Inner | Place::Last) => hasher.finalize_non_root(),
            (Segment::Tree(hasher), Place::Only) => hasher.finalize().into(),
        }
    }
}

enum Segment {
    Chain(Chain),
    Tree(Box<blake3::Hasher>),
}

/// What a segment's hash ends in depends on what comes after it, and for BLAKE3 on whether it stands alone.
enum Place {
    Inner,
    Last,
    Only,
}

impl Place {
    fn of(size: u64, index: u64) -> Self {
        match segment_count(size) {
            1 => Self::Only,
            count if index + 1 == count => Self::Last,
            _ => Self::Inner,
        }
    }
}

#[cfg(test)]
mod tests;
