//! Bytes to test with.

use crate::segment::SEGMENT_LEN;

/// `len` bytes in the pattern of the official BLAKE3 test vectors. No two segments are alike.
pub(crate) fn bytes(len: u64) -> Vec<u8> {
    (0..=250).cycle().take(usize::try_from(len).unwrap()).collect()
}

/// Every size at which padding or segments change their shape.
pub(crate) const SIZES: [u64; 14] = [
    0,
    1,
    55,
    56,
    63,
    64,
    65,
    SEGMENT_LEN - 1,
    SEGMENT_LEN,
    SEGMENT_LEN + 1,
    2 * SEGMENT_LEN,
    2 * SEGMENT_LEN + 1,
    3 * SEGMENT_LEN,
    4 * SEGMENT_LEN + 1,
];

/// Reads `blob` as the readers of `parallel` ask for it, and fails on a request past its end.
pub(crate) fn reader(blob: &[u8]) -> impl Fn(u64, &mut [u8]) -> Result<(), PastTheEnd> + Sync {
    |offset, buffer| {
        let rest = usize::try_from(offset).ok().and_then(|offset| blob.get(offset..)).ok_or(PastTheEnd)?;
        buffer.copy_from_slice(rest.get(..buffer.len()).ok_or(PastTheEnd)?);
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PastTheEnd;
