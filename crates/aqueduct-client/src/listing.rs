//! What a server has, as it lists it.

use aqueduct_blob::Digest;

/// A part of the list of all blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order of their digests.
    pub blobs: Vec<Listed>,
    /// Ask for what comes after this one; `None` if this page was the last.
    pub next: Option<Digest>,
}

/// A blob in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// When it was stored, in seconds since 1970.
    pub published: i64,
}
