//! Blobs that a target may put anywhere, few enough to be told apart and of sizes that matter.

use std::sync::LazyLock;

use aqueduct_blob::{Algorithm, CheckpointList, Digest, Hasher, SEGMENT_LEN};

/// A blob whose bytes and name are known.
#[derive(Debug)]
pub struct Known {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its name.
    pub digest: Digest,
    /// Its checkpoints.
    pub checkpoints: CheckpointList,
}

impl Known {
    fn new(algorithm: Algorithm, len: usize) -> Self {
        // No two segments are alike.
        let bytes: Vec<u8> = (0..len).map(|at| (at / 7 * 31 + at % 251) as u8).collect();
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let hashed = hasher.finish();
        Self { bytes, digest: hashed.digest, checkpoints: hashed.checkpoints }
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// The blobs: of each algorithm as many, the last of them of two segments.
pub fn known() -> &'static [Known] {
    &KNOWN
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let of = |algorithm| LENS.iter().map(move |&len| Known::new(algorithm, len));
    Algorithm::ALL.into_iter().flat_map(of).collect()
});

/// Nothing, a little, a block, more than one, more than a turn of a receiver, and more than a segment.
const LENS: [usize; 8] = [0, 1, 3, 1000, 4096, 5000, 70_000, SEGMENT_LEN as usize + 10];
