//! Segments: the 4 MiB pieces of a blob that can be hashed and verified alone.

use std::fmt;
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
/// Must be given all bytes of the segment and no others. [`Assembly::begin`](crate::Assembly::begin) makes one
/// and [`Assembly::land`](crate::Assembly::land) takes it back.
pub struct SegmentHasher {
    algorithm: Segment,
    place: Place,
    index: u64,
    before: [u8; 32],
    /// `len <= len_max`, the segment's own.
    len: u64,
    len_max: u64,
}

impl SegmentHasher {
    /// Goes on with the SHA-256 chain from `start`, the chain before segment `index`.
    pub(crate) fn chain(size: u64, index: u64, start: Chain) -> Self {
        Self::new(size, index, start.state(), Segment::Chain(start))
    }

    /// Hashes segment `index` as a BLAKE3 subtree.
    pub(crate) fn tree(size: u64, index: u64) -> Self {
        Self::new(size, index, NO_STATE, Segment::Tree(tree::segment_hasher(index * SEGMENT_LEN)))
    }

    fn new(size: u64, index: u64, before: [u8; 32], algorithm: Segment) -> Self {
        let Range { start, end } = segment_range(size, index);
        Self { algorithm, place: Place::of(size, index), index, before, len: 0, len_max: end - start }
    }

    /// Takes the next `bytes` of the segment, which has so many left.
    pub fn update(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        assert!(self.len <= self.len_max, "a segment is hashed up to its end and no further");
        match &mut self.algorithm {
            Segment::Chain(chain) => chain.update(bytes),
            Segment::Tree(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    /// The segment's place among those of the blob.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Bytes taken so far.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was taken yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the segment still lacks.
    pub const fn left(&self) -> u64 {
        self.len_max - self.len
    }

    /// The state that it began from; [`NO_STATE`] in a tree.
    pub(crate) const fn before(&self) -> &[u8; 32] {
        &self.before
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        assert!(self.left() == 0, "only a whole segment ends in something");
        match (self.algorithm, self.place) {
            (Segment::Chain(chain), Place::Inner) => chain.state(),
            (Segment::Chain(chain), Place::Last | Place::Only) => chain.finish(),
            (Segment::Tree(hasher), Place::Inner | Place::Last) => hasher.finalize_non_root(),
            (Segment::Tree(hasher), Place::Only) => hasher.finalize().into(),
        }
    }
}

impl fmt::Debug for SegmentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentHasher")
            .field("index", &self.index)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// What a BLAKE3 segment begins from: nothing but its offset.
pub(crate) const NO_STATE: [u8; 32] = [0; 32];

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
