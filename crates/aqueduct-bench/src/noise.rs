//! Bytes without a pattern: nothing compresses them, and nothing is mistaken for its neighbour.

/// Fills `buffer` with the bytes of blob `number`, of which no two are alike.
pub fn fill(buffer: &mut [u8], number: u64) {
    for (place, word) in buffer.chunks_mut(8).enumerate() {
        let bytes = scattered(number << 32 | place as u64).to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
}

/// The finisher of SplitMix64, a bijection: other numbers give other words.
#[must_use]
pub fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
