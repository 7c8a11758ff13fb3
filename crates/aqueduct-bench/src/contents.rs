//! What is written: blobs of which no two are alike, shared out to writers.

use std::ops::Range;
use std::thread;

use anyhow::{Result, anyhow};
pub(crate) use aqueduct_bench::noise::fill;
use aqueduct_bench::noise::scattered;

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

/// One of 256 directories, as evenly as a digest chooses them.
pub(crate) fn shard(number: u64) -> u8 {
    scattered(number).to_le_bytes()[0]
}

#[cfg(test)]
mod tests;
