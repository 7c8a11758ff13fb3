//! The part of BLAKE3's tree that lies above the segments.

use blake3::hazmat::{ChainingValue, Mode, merge_subtrees_non_root, merge_subtrees_root};

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

/// Splits a subtree as section 2.1 of the BLAKE3 paper does: the left child is full, and as large as it can be while
/// something is left for the right one.
fn children(segments: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    assert!(segments.len() >= 2, "a parent has two children");
    segments.split_at(segments.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests;
