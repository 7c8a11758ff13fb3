//! BLAKE3 as a tree whose subtrees are the segments.

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// Begins the subtree of the segment at `offset`.
///
/// Always a new hasher: [`blake3::Hasher::reset`] leaves the offset of the one before in place, and miscounts
/// after it.
pub(crate) fn segment_hasher(offset: u64) -> Box<blake3::Hasher> {
    let mut hasher = Box::new(blake3::Hasher::new());
    hasher.set_input_offset(offset);
    hasher
}

/// Merges the chaining values of all segments, at least two, to the root, which is the digest.
pub(crate) fn root(segments: &[ChainingValue]) -> [u8; 32] {
    let (left, right) = children(segments);
    merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash).into()
}

/// Recurses once per level of the tree, of which 2^64 bytes have 42 above the segments.
fn subtree(segments: &[ChainingValue]) -> ChainingValue {
    if let [segment] = segments {
        return *segment;
    }
    let (left, right) = children(segments);
    merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
}

/// Splits a subtree as section 2.1 of the BLAKE3 paper does: the left child is full, and as large as it can
/// be while something is left for the right one.
fn children(segments: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    assert!(segments.len() >= 2, "a parent has two children");
    segments.split_at(segments.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests;
