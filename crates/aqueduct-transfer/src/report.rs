//! What came of a transfer.

use std::net::SocketAddr;
use std::time::Duration;

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;
use aqueduct_wire::transfer::Verify;

/// What came of a transfer that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What to call it: the name that was sent, or the name that it has at the receiver's.
    pub name: Vec<u8>,
    /// Files.
    pub file_count: u64,
    /// Files that were not sent or did not arrive, each told as an event.
    pub failed_count: u64,
    /// Bytes of all files.
    pub size: u64,
    /// Bytes of it that were there from an earlier attempt.
    pub resumed: u64,
    /// The digest of a single file, if it was hashed.
    pub digest: Option<Digest>,
    /// What is known of it.
    pub proof: Proof,
    /// Whether it is on the medium.
    pub is_synced: bool,
    /// Which routes carried the bytes at this side.
    pub carried: Carried,
    /// From the first connection to the last word.
    pub elapsed: Duration,
    /// The other side, if there was only one.
    pub peer: Option<SocketAddr>,
    /// Over how many connections.
    pub streams: u32,
}

/// What is known of what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The receiver has found the digest of every file, or of the small ones that came together, to be the sender's.
    Digest,
    /// Only a CRC-32 of each segment was compared.
    Wire,
    /// The receiver's kernel has acknowledged all bytes; nobody looked at them there.
    Acknowledged,
    /// Nothing was compared, because nothing was to be.
    Nothing,
}

impl From<Verify> for Proof {
    /// What is known when everything has gone well.
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::Full => Self::Digest,
            Verify::Wire => Self::Wire,
            Verify::None => Self::Nothing,
        }
    }
}
