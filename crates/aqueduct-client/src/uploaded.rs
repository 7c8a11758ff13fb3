//! What became of an upload.

use aqueduct_blob::Digest;
use aqueduct_flow::Carried;

/// A blob that is on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Its name.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Whether it was not there before.
    pub is_new: bool,
    /// How many of its bytes were sent to find that out.
    pub sent: u64,
    /// The routes of those that came from a file; a stream's are copied.
    pub carried: Carried,
}

/// Is told how many more bytes were sent, from the thread that called.
pub type Observe<'a> = dyn FnMut(u64) + 'a;
