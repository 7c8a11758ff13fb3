//! A checkpoint list as bytes, all numbers little-endian:
//!
//! ```text
//!   0        6         7           8        16       24                    24 + 32 n     56 + 32 n
//!   ┌────────┬─────────┬───────────┬────────┬────────┬─────────────────────┬─────────────┐
//!   │ magic  │ version │ algorithm │ size   │ n      │ n entries           │ checksum    │
//!   │ AQCKPT │ 1       │ 1, 2      │ u64    │ u64    │ 32 bytes each       │ 32 bytes    │
//!   └────────┴─────────┴───────────┴────────┴────────┴─────────────────────┴─────────────┘
//! ```
//!
//! The algorithm is 1 for SHA-256 and 2 for BLAKE3. The checksum is the BLAKE3 hash of everything before it:
//! it tells rot and torn writes, not a forger, whom only the digest stops.

use super::{CheckpointList, CheckpointListError};
use crate::digest::Algorithm;

impl CheckpointList {
    /// The list as bytes, to be kept beside its blob.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.entries.as_flattened();
        let mut bytes = Vec::with_capacity(HEADER_LEN + entries.len() + CHECKSUM_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        bytes.push(number(self.algorithm));
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        bytes.extend_from_slice(entries);
        let checksum = blake3::hash(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        bytes
    }

    /// Reads back what [`encode`](Self::encode) wrote. Never allocates more than `bytes` has.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, from the outside in: the magic, the version, the length, the checksum,
    /// then what the intact bytes say.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointListError> {
        let too_short = CheckpointListError::TooShort { len: bytes.len() };
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(too_short)?;
        let (magic, rest) = content.split_first_chunk().ok_or(too_short)?;
        let (&[version, algorithm], rest) = rest.split_first_chunk().ok_or(too_short)?;
        let (&size, rest) = rest.split_first_chunk().ok_or(too_short)?;
        let (&count, entries) = rest.split_first_chunk().ok_or(too_short)?;
        if magic != MAGIC {
            return Err(CheckpointListError::WrongMagic);
        }
        if version != VERSION {
            return Err(CheckpointListError::UnknownVersion { version });
        }
        let count = u64::from_le_bytes(count);
        let (entries, ragged) = entries.as_chunks::<32>();
        if entries.len() as u64 != count || !ragged.is_empty() {
            return Err(CheckpointListError::WrongLength { count, len: bytes.len() });
        }
        if blake3::hash(content) != *checksum {
            return Err(CheckpointListError::WrongChecksum);
        }
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|&known| number(known) == algorithm)
            .ok_or(CheckpointListError::UnknownAlgorithm { number: algorithm })?;
        Self::new(algorithm, u64::from_le_bytes(size), entries.to_vec())
    }
}

/// Written to disk: a number, once given, is never given to another algorithm.
const fn number(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Blake3 => 2,
    }
}

const MAGIC: &[u8; 6] = b"AQCKPT";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 24;
const CHECKSUM_LEN: usize = 32;

#[cfg(test)]
mod tests;
