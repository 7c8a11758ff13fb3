//! SHA-256 as a chain of states: FIPS 180-4 with the state in sight, which `sha2::Sha256` keeps to itself.

use std::slice;

use sha2::block_api::compress256;

/// The chain at some offset of a message: the state after all whole blocks, and the bytes that wait for their
/// block.
#[derive(Clone)]
pub(crate) struct Chain {
    state: State,
    /// Bytes of the message up to here.
    size: u64,
    /// Its first `waiting` bytes wait for the rest of their block; the others are stale.
    ragged: Block,
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
        Self { state: words(state), size: offset, ragged: [0; BLOCK_LEN], waiting: 0 }
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
        bytes(self.state)
    }

    /// The digest of the message that ends here.
    pub(crate) fn finish(mut self) -> [u8; 32] {
        let (blocks, count) = ending(&self.ragged[..self.waiting], self.size);
        compress256(&mut self.state, &blocks[..count]);
        bytes(self.state)
    }
}

/// A state of the chain, as the eight words that it is computed in.
pub(crate) type State = [u32; 8];

/// The state whose bytes are in the order of a digest.
pub(crate) fn words(bytes: &[u8; 32]) -> State {
    let mut words = [0; 8];
    for (word, &four) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_be_bytes(four);
    }
    words
}

/// The bytes of the state, in the order of a digest.
pub(crate) fn bytes(words: State) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *four = word.to_be_bytes();
    }
    bytes
}

/// The last blocks of a message of `size` bytes, and their count, 1 or 2: its last bytes `ragged`, which fill no block,
/// and the padding of FIPS 180-4 section 5.1.1.
pub(crate) fn ending(ragged: &[u8], size: u64) -> ([Block; 2], usize) {
    assert!(ragged.len() < BLOCK_LEN, "whole blocks are hashed where they lie");
    let mut blocks = [[0; BLOCK_LEN]; 2];
    blocks[0][..ragged.len()].copy_from_slice(ragged);
    blocks[0][ragged.len()] = 0x80;
    let count = if ragged.len() < BLOCK_LEN - 8 { 1 } else { 2 };
    // A message has less than 2^64 bits; no file is as large.
    blocks[count - 1][BLOCK_LEN - 8..].copy_from_slice(&size.wrapping_mul(8).to_be_bytes());
    (blocks, count)
}

/// What SHA-256 works on.
pub(crate) type Block = [u8; BLOCK_LEN];

/// FIPS 180-4 section 5.1.1: SHA-256 works on blocks of 512 bits.
pub(crate) const BLOCK_LEN: usize = 64;

/// FIPS 180-4 section 5.3.3.
pub(crate) const INITIAL_STATE: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests;
