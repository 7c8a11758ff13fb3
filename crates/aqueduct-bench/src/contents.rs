//! What is written: blobs of which no two are alike, shared out to writers.

use std::ops::Range;
use std::thread;

use anyhow::{Result, anyhow};

use crate::Load;

/// Runs `write` on `load.writers` threads, each with its share of the numbers up to `load.count`.
pub(crate) fn share_out(load: Load, write: impl Fn(Range<u64>) -> Result<()> + Sync) -> Result<()> {
    let writers = load.writers.get() as u64;
    let write = &write;
    thread::scope(|scope| {
        let shares =
            (0..writers).map(|writer| load.count * writer / writers..load.count * (writer + 1) / writers);
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || write(share))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a writer panicked"))))
    })
}

/// The bytes of blob `number`.
pub(crate) fn fill(buffer: &mut [u8], number: u64) {
    for (place, word) in buffer.chunks_mut(8).enumerate() {
        let bytes = scattered(number << 32 | place as u64).to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
}

/// One of 256 directories, as evenly as a digest chooses them.
pub(crate) fn shard(number: u64) -> u8 {
    scattered(number).to_le_bytes()[0]
}

/// The finisher of SplitMix64, a bijection: other numbers give other words.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
