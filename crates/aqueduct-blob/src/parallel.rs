//! Hashing and verifying a blob on several cores.
//!
//! The caller gives the size and a way to read; nothing here knows where the bytes are. Memory is bounded by
//! one small buffer a thread, and 40 bytes a segment. One thread is the caller's own, so with `threads` of 1
//! none is spawned.

mod line;

use std::convert::identity;
use std::iter;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use self::line::Line;
use crate::assembly::joined;
use crate::chain::{self, Block, State};
use crate::checkpoints::CheckpointList;
use crate::digest::{Algorithm, Digest};
use crate::hasher::{Hashed, Hasher};
use crate::lanes::{LANES_MAX, Lanes};
use crate::segment::{SEGMENT_LEN, SegmentHasher, segment_count, segment_range};
use crate::tree;

/// Hashes a blob of `size` bytes.
///
/// BLAKE3 runs on `threads` threads; SHA-256 of bytes never seen before is a chain, and runs on the caller's
/// alone.
/// `read` fills the whole buffer with the bytes from an offset on; it is never asked for a byte past `size`.
///
/// # Errors
///
/// The first error of `read`. The other threads stop after the segments that they are at.
pub fn hash<E: Send>(
    algorithm: Algorithm,
    size: u64,
    threads: NonZeroUsize,
    read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<Hashed, E> {
    match algorithm {
        Algorithm::Sha256 => {
            let mut hasher = Hasher::new(algorithm);
            read_through(0..size, &mut new_buffer(size), &read, |bytes| hasher.update(bytes))?;
            Ok(hasher.finish())
        }
        Algorithm::Blake3 => {
            let begin = |index| SegmentHasher::tree(size, index);
            // BLAKE3 finds its lanes within a segment.
            let mut entries = hash_segments(size, threads, Lanes::ONE, begin, read)?;
            let bytes = match entries[..] {
                [only] => {
                    entries.clear();
                    only
                }
                _ => tree::root(&entries),
            };
            let checkpoints = CheckpointList::new(algorithm, size, entries)
                .expect("every segment was hashed, and has an entry unless it is the only one");
            Ok(Hashed { digest: Digest::new(algorithm, bytes), size, checkpoints })
        }
    }
}

/// Finds whether the `size` bytes that `read` gives are the blob named `digest`.
///
/// With `checkpoints` the segments are verified in any order on `threads` threads, and damage is named by
/// range. They may come from anywhere: a list of another blob, algorithm or size, or one that is damaged,
/// costs time and never changes whether the blob is found intact. Without them BLAKE3 still uses all threads,
/// and SHA-256 only the caller's.
/// Where there are many segments of SHA-256 each thread hashes several at once, if this machine has
/// [lanes](Lanes::detect) for it.
/// `read` is used as by [`hash`].
///
/// # Errors
///
/// The first error of `read`, as in [`hash`].
pub fn verify<E: Send>(
    digest: &Digest,
    size: u64,
    checkpoints: Option<&CheckpointList>,
    threads: NonZeroUsize,
    read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<Verdict, E> {
    verify_in(Lanes::detect(), digest, size, checkpoints, threads, read)
}

/// Does what [`verify`] does, in `lanes` of the caller's choice: to measure one beside the other.
///
/// # Errors
///
/// The first error of `read`, as in [`hash`].
pub fn verify_in<E: Send>(
    lanes: Lanes,
    digest: &Digest,
    size: u64,
    checkpoints: Option<&CheckpointList>,
    threads: NonZeroUsize,
    read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<Verdict, E> {
    let list = checkpoints.filter(|list| is_usable(list, digest, size));
    let mut broken = Vec::new();
    if let Some(list) = list
        && list.algorithm() == Algorithm::Sha256
    {
        let ends = hash_segments(size, threads, lanes, |index| list.segment_hasher(index), &read)?;
        broken = disagreeing(&ends, list, digest);
        if broken.is_empty() {
            return Ok(Verdict::Intact { checkpoints: None });
        }
    }
    // The list may be what is damaged: only the hash of the whole blob, from its start, condemns it. For
    // BLAKE3 that is no more work than checking the list.
    let hashed = hash(digest.algorithm(), size, threads, read)?;
    if hashed.digest == *digest {
        let rebuilt = hashed.checkpoints;
        let is_news = checkpoints.map_or(!rebuilt.entries().is_empty(), |given| *given != rebuilt);
        return Ok(Verdict::Intact { checkpoints: is_news.then_some(rebuilt) });
    }
    if let Some(list) = list
        && list.algorithm() == Algorithm::Blake3
    {
        broken = disagreeing(hashed.checkpoints.entries(), list, digest);
    }
    let ranges = if broken.is_empty() { iter::once(0..size).collect() } else { joined(broken, size) };
    Ok(Verdict::Damaged { ranges, actual: hashed.digest })
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The bytes are the blob.
    Intact {
        /// The list to keep from now on, when it is not the one that was given: that one was missing or
        /// wrong.
        checkpoints: Option<CheckpointList>,
    },
    /// The bytes are not the blob.
    Damaged {
        /// Where, in order and never touching each other: whole segments as far as the checkpoints can tell,
        /// else the whole blob. For BLAKE3 exactly the segments that are wrong. A SHA-256 list cannot prove
        /// itself, so these ranges are as good as the list was; that the blob is damaged is certain.
        ranges: Vec<Range<u64>>,
        /// The digest of the bytes that are there.
        actual: Digest,
    },
}

/// Whether the list has something to say about this blob. A BLAKE3 list is asked for its proof.
fn is_usable(list: &CheckpointList, digest: &Digest, size: u64) -> bool {
    list.algorithm() == digest.algorithm()
        && list.size() == size
        && !list.entries().is_empty()
        && (list.algorithm() == Algorithm::Sha256 || list.proves(digest))
}

/// The segments whose hash is not what the list says.
fn disagreeing(ends: &[[u8; 32]], list: &CheckpointList, digest: &Digest) -> Vec<u64> {
    (0..).zip(ends).filter(|&(index, end)| end != list.after(digest, index)).map(|(index, _)| index).collect()
}

/// Hashes every segment, each begun by `begin`, and gives what they end in, in the order of the blob. In more than one
/// of `lanes` only segments of a SHA-256 chain are hashed.
fn hash_segments<E: Send>(
    size: u64,
    threads: NonZeroUsize,
    lanes: Lanes,
    begin: impl Fn(u64) -> SegmentHasher + Sync,
    read: impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<Vec<[u8; 32]>, E> {
    let count = segment_count(size);
    let line = Line::new(count, threads, lanes);
    let stop = AtomicBool::new(false);
    let work = || -> Result<Vec<(u64, [u8; 32])>, E> {
        let mut buffer = new_buffer(size);
        let mut ends = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let taken = line.take();
            let outcome = match taken.end - taken.start {
                0 => break,
                1 => {
                    let index = taken.start;
                    let mut hasher = begin(index);
                    read_through(segment_range(size, index), &mut buffer, &read, |bytes| hasher.update(bytes))
                        .map(|()| ends.push((index, hasher.finish())))
                }
                _ => {
                    let starts = taken.clone().map(|index| *begin(index).before());
                    hash_at_once(lanes, taken.start, starts, &mut buffer, &read)
                        .map(|found| ends.extend(taken.zip(found)))
                }
            };
            match outcome {
                Ok(()) => {}
                // Of several errors the first is told; a thread that comes later has nothing to add.
                Err(_) if stop.swap(true, Ordering::Relaxed) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(ends)
    };
    let others = usize::try_from(count).map_or(threads.get(), |count| threads.get().min(count)) - 1;
    let mut ends = thread::scope(|scope| {
        // A thread that the system refuses is done without: the others share its segments.
        let others: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = work();
        let others =
            others.into_iter().map(|other| other.join().map_or_else(|panic| resume_unwind(panic), identity));
        iter::once(own).chain(others).collect::<Result<Vec<_>, E>>()
    })?
    .concat();
    assert_eq!(ends.len() as u64, count, "every segment is hashed once, or an error says why not");
    ends.sort_unstable_by_key(|&(index, _)| index);
    Ok(ends.into_iter().map(|(_, end)| end).collect())
}

/// Hashes the segments of a SHA-256 chain from segment `first` on, all of them full and none the blob's last, each from
/// one of the states `starts`. Gives the states that they end in.
fn hash_at_once<E>(
    lanes: Lanes,
    first: u64,
    starts: impl Iterator<Item = [u8; 32]>,
    buffer: &mut [u8],
    read: &impl Fn(u64, &mut [u8]) -> Result<(), E>,
) -> Result<impl Iterator<Item = [u8; 32]>, E> {
    let mut states: Vec<State> = starts.map(|start| chain::words(&start)).collect();
    let count = states.len();
    // A power of two of bytes for each, so that the last piece of a segment is as long as the others.
    let len = buffer.len() / lanes.count();
    for offset in (0..SEGMENT_LEN).step_by(len) {
        let mut runs: [&[Block]; LANES_MAX] = [&[]; LANES_MAX];
        for ((index, run), piece) in (first..).zip(&mut runs[..count]).zip(buffer.chunks_exact_mut(len)) {
            read(index * SEGMENT_LEN + offset, piece)?;
            *run = piece.as_chunks().0;
        }
        lanes.compress(&mut states, &runs[..count]);
    }
    Ok(states.into_iter().map(chain::bytes))
}

/// Reads `range` piece by piece through `buffer` and shows each piece to `observe`.
fn read_through<E>(
    range: Range<u64>,
    buffer: &mut [u8],
    read: &impl Fn(u64, &mut [u8]) -> Result<(), E>,
    mut observe: impl FnMut(&[u8]),
) -> Result<(), E> {
    let mut offset = range.start;
    while offset < range.end {
        let len = usize::try_from(range.end - offset).map_or(buffer.len(), |left| left.min(buffer.len()));
        let piece = &mut buffer[..len];
        read(offset, piece)?;
        observe(piece);
        offset += len as u64;
    }
    Ok(())
}

fn new_buffer(size: u64) -> Vec<u8> {
    vec![0; usize::try_from(size).map_or(READ_LEN, |size| size.min(READ_LEN))]
}

/// Small enough that a core hashes what it read from its own cache, large enough that a read's cost is
/// spread: from 64 KiB to 1 MiB all measured alike, and both 16 KiB and 4 MiB a tenth slower for BLAKE3.
const READ_LEN: usize = 256 << 10;

#[cfg(test)]
mod tests;
