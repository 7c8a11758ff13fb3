//! SHA-256 as a chain of states: FIPS 180-4 with the state in sight, which `sha2::Sha256` keeps to itself.

use std::slice;

use sha2::block_api::compress256;

/// The chain at some offset of a message: the state after all whole blocks, and the bytes that wait for their
/// block.
#[derive(Clone)]
pub(crate) struct Chain {
    state: [u32; 8],
    /// Bytes of the message up to here.
    size: u64,
    /// Its first `waiting` bytes wait for the rest of their block; the others are stale.
    ragged: [u8; BLOCK_LEN],
    /// `size % BLOCK_LEN`.
    waiting: usize,
}

impl Chain {
    /// The chain before the first byte.
    pub(crate) const fn new() -> Self {
        Self { state: INITIAL_STATE, size: 0, ragged: [0; BLOCK_LEN], waiting: 0 }
    }

    /// The chain at `offset`, a multiple of the block, where its state is `state`.
    pub(crate) fn resume(state: &[u8; 32], offset: u64) -> Self {
        assert!(offset.is_multiple_of(BLOCK_LEN as u64), "a state exists only between blocks");
        let mut words = [0; 8];
        for (word, &bytes) in words.iter_mut().zip(state.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(bytes);
        }
        Self { state: words, size: offset, ragged: [0; BLOCK_LEN], waiting: 0 }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.waiting > 0 {
            let (first, rest) = bytes.split_at(bytes.len().min(BLOCK_LEN - self.waiting));
            self.ragged[self.waiting..][..first.len()].copy_from_slice(first);
            self.waiting += first.len();
            if self.waiting < BLOCK_LEN {
                return;
            }
            compress256(&mut self.state, slice::from_ref(&self.ragged));
            bytes = rest;
        }
        // Whole blocks are hashed where they lie.
        let (blocks, rest) = bytes.as_chunks();
        compress256(&mut self.state, blocks);
        self.ragged[..rest.len()].copy_from_slice(rest);
        self.waiting = rest.len();
    }

    /// The state here, between two blocks, in the byte order of a digest.
    pub(crate) fn state(&self) -> [u8; 32] {
        assert!(self.waiting == 0, "a state exists only between blocks");
        self.state_bytes()
    }

    /// The digest of the message that ends here: the state after the padding of FIPS 180-4 section 5.1.1.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        // A message has less than 2^64 bits; no file is as large.
        let bits = self.size.wrapping_mul(8);
        let waiting = self.waiting;
        let mut padding = [0; 2 * BLOCK_LEN];
        padding[..waiting].copy_from_slice(&self.ragged[..waiting]);
        padding[waiting] = 0x80;
        let len = if waiting < BLOCK_LEN - 8 { BLOCK_LEN } else { 2 * BLOCK_LEN };
        padding[len - 8..len].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, padding[..len].as_chunks().0);
        self.state_bytes()
    }

    fn state_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.state) {
            *four = word.to_be_bytes();
        }
        bytes
    }
}

/// FIPS 180-4 section 5.1.1: SHA-256 works on blocks of 512 bits.
const BLOCK_LEN: usize = 64;

/// FIPS 180-4 section 5.3.3.
const INITIAL_STATE: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests;
