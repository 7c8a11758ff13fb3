//! What a server has, as it lists it.

use aqueduct_blob::{Algorithm, Digest, UploadId};

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

/// A part of the list of all pinned names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinPage {
    /// In their order.
    pub pins: Vec<Digest>,
    /// Ask for what comes after this one; `None` if this page was the last.
    pub next: Option<Digest>,
}

/// A part of the list of all uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPage {
    /// In the order of their ids.
    pub uploads: Vec<Upload>,
    /// Ask for what comes after this one; `None` if this page was the last.
    pub next: Option<UploadId>,
}

/// An upload that the server keeps: one that can go on, or one that is finished and remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name, which its sender chose.
    pub id: UploadId,
    /// What will name its blob.
    pub algorithm: Algorithm,
    /// The name of its blob, where the sender knew it.
    pub digest: Option<Digest>,
    /// The size of its blob, in bytes.
    pub size: u64,
    /// How many of them the server has, verified.
    pub verified: u64,
    /// When it last changed, in seconds since 1970.
    pub used: i64,
    /// The blob that came of it; `None` while bytes are missing.
    pub stored: Option<Digest>,
}

/// The name of an entry of a build cache: a key, and the namespace that it belongs to. What a server lists has no control
/// character in either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// The client that has it, and behind a slash the part of the cache that is this user's, where there is one.
    pub namespace: String,
    /// What that client calls it.
    pub key: String,
}

/// A part of the list of all entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPage {
    /// In the order of their namespaces, and then of their keys.
    pub entries: Vec<EntryListed>,
    /// Ask for what comes after this one; `None` if this page was the last.
    pub next: Option<EntryKey>,
}

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryListed {
    /// Its name.
    pub name: EntryKey,
    /// The blob that it leads to.
    pub digest: Digest,
    /// The size of that blob, in bytes.
    pub size: u64,
    /// The other blobs without which it means nothing.
    pub references: Vec<Digest>,
    /// When it was put, in seconds since 1970.
    pub written: i64,
}
