//! Bytes in, in order; digest and checkpoints out.

use blake3::hazmat::HasherExt;

use crate::chain::Chain;
use crate::checkpoints::CheckpointList;
use crate::digest::{Algorithm, Digest};
use crate::segment::SEGMENT_LEN;
use crate::tree;

/// Hashes a blob from its start, collecting its checkpoints on the way.
///
/// The bytes may come in pieces of any len. Long pieces are hashed where they lie, without a copy.
#[derive(Clone)]
pub struct Hasher {
    algorithm: State,
    size: u64,
    /// One for each segment that is full and followed by another byte.
    entries: Vec<[u8; 32]>,
}

impl Hasher {
    /// Starts a blob of which nothing has been seen.
    pub fn new(algorithm: Algorithm) -> Self {
        let algorithm = match algorithm {
            Algorithm::Sha256 => State::Sha256(Chain::new()),
            Algorithm::Blake3 => State::Blake3(tree::segment_hasher(0)),
        };
        Self { algorithm, size: 0, entries: Vec::new() }
    }

    /// Takes the next `bytes` of the blob.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // Only now is it known that the full segment before these bytes is not the last one.
            if self.size > 0 && self.size.is_multiple_of(SEGMENT_LEN) {
                self.cross_boundary();
            }
            let room = SEGMENT_LEN - self.size % SEGMENT_LEN;
            let len = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
            let (now, later) = bytes.split_at(len);
            match &mut self.algorithm {
                State::Sha256(chain) => chain.update(now),
                State::Blake3(segment) => {
                    segment.update(now);
                }
            }
            self.size += now.len() as u64;
            bytes = later;
        }
    }

    /// Bytes taken so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Ends the blob here.
    pub fn finish(self) -> Hashed {
        let Self { algorithm, size, mut entries } = self;
        let digest = match algorithm {
            State::Sha256(chain) => Digest::new(Algorithm::Sha256, chain.finish()),
            State::Blake3(only) if entries.is_empty() => {
                Digest::new(Algorithm::Blake3, only.finalize().into())
            }
            State::Blake3(last) => {
                entries.push(last.finalize_non_root());
                Digest::new(Algorithm::Blake3, tree::root(&entries))
            }
        };
        let checkpoints = CheckpointList::new(digest.algorithm(), size, entries)
            .expect("a hasher makes one entry at each boundary it crosses");
        Hashed { digest, size, checkpoints }
    }

    fn cross_boundary(&mut self) {
        match &mut self.algorithm {
            State::Sha256(chain) => self.entries.push(chain.state()),
            State::Blake3(segment) => {
                self.entries.push(segment.finalize_non_root());
                *segment = tree::segment_hasher(self.size);
            }
        }
    }
}

/// What hashing a blob found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The name of the bytes.
    pub digest: Digest,
    /// How many bytes there were.
    pub size: u64,
    /// What lets each segment be verified alone; empty for a blob of one segment.
    pub checkpoints: CheckpointList,
}

#[derive(Clone)]
enum State {
    Sha256(Chain),
    /// The current segment; boxed, since it is many times as large as the other state.
    Blake3(Box<blake3::Hasher>),
}

#[cfg(test)]
mod tests;
