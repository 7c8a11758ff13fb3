//! What a blob is: its digest, the hasher that finds it, the checkpoints that let any part be verified alone,
//! the assembly of parts that come in any order, and the ranges that can be asked of it.
//!
//! This crate is pure. It opens no file, holds no descriptor, reads no clock and knows no path: bytes come in
//! as slices, or through a closure that the caller provides.
//!
//! ```
//! use aqueduct_blob::{Algorithm, Digest, Hasher};
//!
//! let mut hasher = Hasher::new(Algorithm::Sha256);
//! hasher.update(b"abc");
//! let hashed = hasher.finish();
//!
//! let name = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
//! assert_eq!(hashed.digest, name.parse::<Digest>()?);
//! assert_eq!(hashed.size, 3);
//! # Ok::<(), aqueduct_blob::DigestParseError>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod parallel;

mod assembly;
mod chain;
mod checkpoints;
mod digest;
mod hasher;
mod hex;
mod lanes;
mod range;
#[cfg(test)]
mod sample;
mod segment;
mod tree;
mod upload_id;

pub use assembly::{Assembly, Landed, OutOfBounds, Record, Unfinished};
pub use checkpoints::{CheckpointList, CheckpointListError, checkpoint_count};
pub use digest::{Algorithm, Digest, DigestParseError};
pub use hasher::{Hashed, Hasher};
pub use lanes::{Lanes, hash_each, hash_together};
pub use range::{ByteRange, ByteRangeParseError};
pub use segment::{SEGMENT_LEN, SegmentHasher, segment_count, segment_range};
pub use upload_id::{UploadId, UploadIdParseError};
