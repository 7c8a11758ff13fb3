//! The part of a blob that someone asks for, before the blob's size is known.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// One range of bytes as RFC 9110 section 14.1.2 writes it: `2-5`, `2-` or `-5`.
///
/// [`FromStr`] reads one such range, without the unit before it or a list around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteRange(Form);

impl ByteRange {
    /// The range of a blob of `size` bytes that is meant, or `None` when it cannot be satisfied: it begins at
    /// or after the end, or asks for the last 0 bytes.
    ///
    /// A range that reaches past the end ends there. The only empty range this gives is that of a suffix of
    /// the empty blob, which the RFC calls satisfiable although `Content-Range` cannot say it.
    pub fn resolve(&self, size: u64) -> Option<Range<u64>> {
        match self.0 {
            Form::Closed { first, last } => (first < size).then(|| first..last.saturating_add(1).min(size)),
            Form::From { first } => (first < size).then_some(first..size),
            Form::Suffix { len } => (len > 0).then(|| size.saturating_sub(len)..size),
        }
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Form::Closed { first, last } => write!(f, "{first}-{last}"),
            Form::From { first } => write!(f, "{first}-"),
            Form::Suffix { len } => write!(f, "-{len}"),
        }
    }
}

impl FromStr for ByteRange {
    type Err = ByteRangeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (before, after) = text.split_once('-').ok_or(ByteRangeParseError::NoHyphen)?;
        let form = match (before, after) {
            ("", "") => return Err(ByteRangeParseError::NoPosition),
            ("", len) => Form::Suffix { len: numeral(len)? },
            (first, "") => Form::From { first: numeral(first)? },
            (first, last) => Form::Closed { first: numeral(first)?, last: numeral(last)? },
        };
        match form {
            Form::Closed { first, last } if last < first => Err(ByteRangeParseError::Backwards),
            _ => Ok(Self(form)),
        }
    }
}

/// Why a text is not a [`ByteRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByteRangeParseError {
    /// There is no hyphen.
    #[error("a byte range is written first-last, first- or -len, and this has no hyphen")]
    NoHyphen,
    /// There is nothing but a hyphen.
    #[error("a byte range is written first-last, first- or -len, and this has no number")]
    NoPosition,
    /// Something beside the hyphen is not a decimal number.
    #[error("a byte range holds decimal digits and one hyphen, and this holds another character")]
    NotANumber,
    /// The last byte is before the first.
    #[error("the byte range ends before it begins")]
    Backwards,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// `first <= last`, both inclusive.
    Closed {
        first: u64,
        last: u64,
    },
    From {
        first: u64,
    },
    Suffix {
        len: u64,
    },
}

/// RFC 9110 section 14.1.2: "recipients MUST anticipate potentially large decimal numerals and prevent
/// parsing errors due to integer conversion overflows". No blob reaches the largest `u64`, so all numerals
/// beyond it mean the same.
fn numeral(text: &str) -> Result<u64, ByteRangeParseError> {
    text.bytes().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => Ok(number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))),
        _ => Err(ByteRangeParseError::NotANumber),
    })
}

#[cfg(test)]
mod tests;
