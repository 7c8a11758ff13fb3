//! A blob's name: an algorithm and the 32 bytes it gave.

use std::fmt;
use std::str::FromStr;

use crate::hex::{self, HexError};

/// How a blob is named.
///
/// SHA-256 is what everyone's clients speak; BLAKE3 is faster where both ends may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, FIPS 180-4: what `sha256sum` prints.
    Sha256,
    /// BLAKE3 in its plain hash mode with 32 bytes of output: what `b3sum` prints.
    Blake3,
}

impl Algorithm {
    /// Every algorithm, in the order of the type.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Blake3];

    /// The name as it is written before the colon of a digest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = DigestParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or(DigestParseError::UnknownAlgorithm)
    }
}

/// The name of a blob, written `sha256:<64 lowercase hex digits>`.
///
/// Text becomes a digest only by [`FromStr`], which accepts exactly one spelling of each digest, so whatever
/// is made from one (a path, a header, a key) holds nothing but an algorithm's name and hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; DIGEST_LEN],
}

impl Digest {
    /// Names the blob whose hash under `algorithm` is `bytes`.
    pub const fn new(algorithm: Algorithm, bytes: [u8; DIGEST_LEN]) -> Self {
        Self { algorithm, bytes }
    }

    /// The algorithm that gave the bytes.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes alone, in the order in which they are printed.
    pub const fn as_bytes(&self) -> &[u8; DIGEST_LEN] {
        &self.bytes
    }

    /// The bytes as 64 lowercase hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        hex::Text::of(&self.bytes).as_str().to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        f.write_str(":")?;
        f.write_str(hex::Text::of(&self.bytes).as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = DigestParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestParseError::NoColon)?;
        let algorithm = algorithm.parse()?;
        let bytes = hex::bytes(hex).map_err(|error| match error {
            HexError::Length => DigestParseError::WrongLength { len: hex.len() },
            HexError::Digit => DigestParseError::NotLowercaseHex,
        })?;
        Ok(Self { algorithm, bytes })
    }
}

/// Why a text is not a [`Digest`] or an [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestParseError {
    /// Nothing separates an algorithm from its hex digits.
    #[error("a digest is written <algorithm>:<hex>, and this has no colon")]
    NoColon,
    /// The text before the colon is not the name of an algorithm.
    #[error("the algorithm is not one of sha256, blake3")]
    UnknownAlgorithm,
    /// The text after the colon is not 64 bytes long.
    #[error("a digest has 64 hex digits, and this has {len} bytes after the colon")]
    WrongLength {
        /// Bytes found after the colon.
        len: usize,
    },
    /// The text after the colon holds something else than `0-9` and `a-f`.
    #[error("a digest is written in lowercase hex, and this holds another character")]
    NotLowercaseHex,
}

/// Both algorithms give 256 bits.
const DIGEST_LEN: usize = 32;

#[cfg(test)]
mod tests;
