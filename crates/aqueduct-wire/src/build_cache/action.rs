//! What an action result refers to, and what a tree does.
//!
//! Both are messages of the Remote Execution API, version 2 (`build.bazel.remote.execution.v2`, `ActionResult` and `Tree`). Only
//! digests are looked for. Everything else is checked as far as that tells an action result from something else, because
//! whoever gets one runs its outputs.

mod binary;
mod json;

use aqueduct_blob::{Algorithm, Digest};

use super::limits::REFERENCE_COUNT_MAX;

/// How an action result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionForm {
    /// As protobuf.
    Binary,
    /// As the JSON of protobuf, `application/json`.
    Json,
}

/// What has to be there for an action result to mean anything. Each is there once, in the order of the digests, and the blob
/// of no bytes is left out: everybody has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Output files, what was written to the standard streams, and the root directories of trees, as far as they are named.
    /// Those whose bytes are in the result are among them.
    pub blobs: Vec<Digest>,
    /// Trees of output directories. Each is a blob that refers to others: see [`tree_references`].
    pub trees: Vec<Digest>,
}

/// Why bytes are not an action result, or not a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadActionResult {
    /// There are no bytes, or there is nothing in it.
    #[error("an action result that says nothing is none")]
    Empty,
    /// The bytes are not protobuf, or they end too early.
    #[error("this is not protobuf")]
    NotProtobuf,
    /// The bytes are not JSON, or they end too early.
    #[error("this is not JSON")]
    NotJson,
    /// There is a field that no such message has.
    #[error("this has a field that does not belong there")]
    UnknownField,
    /// A field has a value of another type.
    #[error("a field has a value of another type")]
    WrongType,
    /// A file or a link has no path, or no name.
    #[error("a file or link has no path")]
    NoPath,
    /// A file or a directory has no digest.
    #[error("a file or directory has no digest")]
    NoDigest,
    /// A digest is not a SHA-256.
    #[error("a digest has 64 lower-case hex digits")]
    NotADigest,
    /// A size is less than 0.
    #[error("a size is not less than 0")]
    NegativeSize,
    /// There are more references than [`REFERENCE_COUNT_MAX`].
    #[error("an action refers to at most {REFERENCE_COUNT_MAX} blobs")]
    TooMany,
}

/// What the action result that is written in `body` refers to.
///
/// What it takes in memory is within a small multiple of `body`, whose length the caller bounds.
///
/// # Errors
///
/// [`BadActionResult`]: `body` is something else.
pub fn action_references(body: &[u8], form: ActionForm) -> Result<References, BadActionResult> {
    let mut references = match form {
        ActionForm::Binary => binary::action_references(body),
        ActionForm::Json => json::action_references(body),
    }?;
    each_once(&mut references.blobs);
    each_once(&mut references.trees);
    Ok(references)
}

/// What the files of a tree refer to, each once, in the order of the digests. See [`References`].
///
/// # Errors
///
/// [`BadActionResult`]: `body` is no tree.
pub fn tree_references(body: &[u8]) -> Result<Vec<Digest>, BadActionResult> {
    let mut blobs = binary::tree_references(body)?;
    each_once(&mut blobs);
    Ok(blobs)
}

fn each_once(digests: &mut Vec<Digest>) {
    digests.sort_unstable();
    digests.dedup();
}

impl References {
    fn add_blob(&mut self, digest: Option<Digest>) -> Result<(), BadActionResult> {
        self.blobs.extend(digest.filter(|it| *it != NOTHING));
        self.check_count()
    }

    fn add_tree(&mut self, digest: Option<Digest>) -> Result<(), BadActionResult> {
        self.trees.extend(digest.filter(|it| *it != NOTHING));
        self.check_count()
    }

    /// An output directory, which has at least one of these.
    fn add_directory(&mut self, tree: Option<Digest>, root: Option<Digest>) -> Result<(), BadActionResult> {
        if tree.is_none() && root.is_none() {
            return Err(BadActionResult::NoDigest);
        }
        self.add_tree(tree)?;
        self.add_blob(root)
    }

    fn append(&mut self, mut other: Self) -> Result<(), BadActionResult> {
        self.blobs.append(&mut other.blobs);
        self.trees.append(&mut other.trees);
        self.check_count()
    }

    fn check_count(&self) -> Result<(), BadActionResult> {
        let count = self.blobs.len() + self.trees.len();
        if count > REFERENCE_COUNT_MAX { Err(BadActionResult::TooMany) } else { Ok(()) }
    }
}

/// A digest as it is said: `None` if nothing is.
///
/// The name counts, and not the size: a result that says 0 of a blob that has bytes is not whole without it.
fn digest_of(hash: &[u8], size: i64) -> Result<Option<Digest>, BadActionResult> {
    if size < 0 {
        return Err(BadActionResult::NegativeSize);
    }
    if hash.is_empty() && size == 0 {
        return Ok(None);
    }
    let hex = str::from_utf8(hash).map_err(|_| BadActionResult::NotADigest)?;
    format!("sha256:{hex}").parse().map(Some).map_err(|_| BadActionResult::NotADigest)
}

/// The SHA-256 of no bytes.
const NOTHING: Digest = Digest::new(
    Algorithm::Sha256,
    [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ],
);

#[cfg(test)]
mod tests;
