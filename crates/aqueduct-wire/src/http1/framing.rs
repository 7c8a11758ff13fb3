//! Where a body ends (RFC 9112 section 6).

use super::grammar::decimal;
use super::{Fields, HeadError};

/// The version of a message. Both are parsed alike; HTTP/1.0 has no chunks, no `Expect`, and closes by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Where the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is none, and the request does not say so either.
    None,
    /// After this many bytes, which may be 0.
    Length(u64),
    /// With the last chunk.
    Chunked,
}

/// Where the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseFraming {
    /// There is none: the status or the request's method has none, whatever the fields say.
    None,
    /// After this many bytes, which may be 0.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection, so that a body that was cut off looks like a whole one.
    UntilClose,
}

impl Version {
    /// `minor` is httparse's word for the version, which is 0 or 1.
    pub(super) fn from_minor(minor: Option<u8>) -> Self {
        if minor == Some(0) { Self::Http10 } else { Self::Http11 }
    }

    /// RFC 9112 section 9.3. `close` wins over `keep-alive`.
    pub(super) fn keeps_alive(self, fields: &Fields<'_>) -> bool {
        !fields.lists_token("connection", "close")
            && (self == Self::Http11 || fields.lists_token("connection", "keep-alive"))
    }
}

impl Framing {
    /// What `Content-Length` and `Transfer-Encoding` say together.
    pub(super) fn find(version: Version, fields: &Fields<'_>) -> Result<Self, HeadError> {
        let length = fields.only("content-length").map_err(|_| HeadError::RepeatedLength)?;
        let mut codings = fields.all("transfer-encoding");
        match (codings.next(), length) {
            (None, None) => Ok(Self::None),
            // RFC 9110 section 8.6 would let a list of equal numbers pass.
            (None, Some(length)) => decimal(length).map(Self::Length).ok_or(HeadError::BadLength),
            // RFC 9112 section 6.1: a sign of an attempt at request smuggling, or of a faulty proxy before us.
            (Some(_), Some(_)) => Err(HeadError::LengthAndChunked),
            (Some(_), None) if version == Version::Http10 => Err(HeadError::ChunkedInHttp10),
            // Only the one spelling of the one coding: what others make of a list or of an unknown one differs.
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() => {
                Ok(Self::Chunked)
            }
            (Some(_), None) => Err(HeadError::UnknownTransferCoding),
        }
    }
}

#[cfg(test)]
mod tests;
