//! How much one message may hold. Whatever is within these fits [`HEADER_LEN_MAX`].

use aqueduct_blob::SEGMENT_LEN;

/// Bytes before a header: its length, the payload's, and a check of each.
pub const PREAMBLE_LEN: usize = 20;

/// Bytes of a header. One is held whole before it is understood; [`DIGEST_COUNT_MAX`] digests are the most anybody has
/// to say at once.
pub const HEADER_LEN_MAX: usize = 64 * 1024;

/// Bytes of a payload: a segment. A frame cannot be interrupted, so this is also how long it keeps others waiting.
pub const PAYLOAD_LEN_MAX: u64 = SEGMENT_LEN;

/// Digests in one `Has`: 64,000 bytes of a header.
pub const DIGEST_COUNT_MAX: usize = 2000;

/// Entries in one `Checkpoints`, which are as long as digests.
pub const ENTRY_COUNT_MAX: usize = 2000;

/// Ranges in one `Get`. A client that wants more of them asks again.
pub const RANGE_COUNT_MAX: usize = 1000;

/// Ranges in one `Opened`. An upload with more of them is told in part, and the rest is sent in vain.
pub const VERIFIED_COUNT_MAX: usize = 2500;

/// Segments in one `Again`. Those beyond are asked for when the others have come.
pub const AGAIN_COUNT_MAX: usize = 4000;

/// Blobs in one `Listed`.
pub const LIST_COUNT_MAX: usize = 1000;

/// Uploads in one `Uploads`: each is up to 132 bytes.
pub const UPLOAD_LIST_COUNT_MAX: usize = 400;

/// Tasks of one connection at a time. Enough to fill a long line with small blobs, and few enough that what a stranger
/// can begin stays small.
pub const TASK_COUNT_MAX: usize = 1024;

/// Bytes of a text: an agent, a token, an explanation. Tokens that are signed documents have up to 4 KiB.
pub const STRING_LEN_MAX: usize = 4096;

/// Capabilities in one `Hello` or `Welcome`.
pub const CAPABILITY_COUNT_MAX: usize = 64;

/// Bytes in the name of a capability.
pub const CAPABILITY_LEN_MAX: usize = 64;
