//! The name of a blob that is on its way, by which its sender finds it again.

use std::fmt;
use std::str::FromStr;

use crate::hex::{self, HexError};

/// What a sender calls a blob that it sends in pieces, before anybody knows the digest: 16 bytes of its own
/// choice, written as 32 lower-case hex digits.
///
/// As with a digest, text becomes one in exactly one spelling, so that it can be a file's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId([u8; UPLOAD_ID_LEN]);

impl UploadId {
    /// The id with these bytes.
    pub const fn new(bytes: [u8; UPLOAD_ID_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order in which they are printed.
    pub const fn as_bytes(&self) -> &[u8; UPLOAD_ID_LEN] {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(hex::Text::of(&self.0).as_str())
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadId({self})")
    }
}

impl FromStr for UploadId {
    type Err = UploadIdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::bytes(text).map(Self).map_err(|error| match error {
            HexError::Length => UploadIdParseError::WrongLength { len: text.len() },
            HexError::Digit => UploadIdParseError::NotLowercaseHex,
        })
    }
}

/// Why a text is not an [`UploadId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadIdParseError {
    /// The text is not 32 bytes long.
    #[error("an upload's id has 32 hex digits, and this has {len} bytes")]
    WrongLength {
        /// Bytes found.
        len: usize,
    },
    /// The text holds something else than `0-9` and `a-f`.
    #[error("an upload's id is written in lowercase hex, and this holds another character")]
    NotLowercaseHex,
}

/// Enough that nobody meets another's id by chance.
const UPLOAD_ID_LEN: usize = 16;

#[cfg(test)]
mod tests;
