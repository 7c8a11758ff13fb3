//! Why a head is refused.

use super::limits::{FIELD_COUNT_MAX, HEAD_LEN_MAX};

/// Why bytes are not a head that can be acted on. After any of these the connection has to be closed: where the next
/// message begins is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HeadError {
    /// The bytes do not begin as a message of HTTP/1 does.
    #[error("these bytes are not HTTP/1.1: begin with a method or, in a response, with HTTP/1.1")]
    NotHttp,
    /// The request line is not a method, a target and a version with one space between them.
    #[error("write the request line as METHOD, one space, target, one space, HTTP/1.1")]
    BadRequestLine,
    /// The status line is not a version and a status of three digits from 100 on.
    #[error("write the status line as HTTP/1.1, one space and a status of three digits")]
    BadStatusLine,
    /// The target is neither a path that begins with `/` nor an `http` address, or holds what no target may.
    #[error("ask for a path that begins with /, in printable ASCII and without a fragment")]
    BadTarget,
    /// The request line alone is as long as a head may be.
    #[error("shorten the target: the whole head may have {HEAD_LEN_MAX} bytes")]
    TargetTooLong,
    /// The version is another than HTTP/1.0 and HTTP/1.1.
    #[error("speak HTTP/1.1")]
    UnsupportedVersion,
    /// The head does not end within [`HEAD_LEN_MAX`] bytes.
    #[error("send fewer or shorter fields: the whole head may have {HEAD_LEN_MAX} bytes")]
    HeadTooLong,
    /// There are more than [`FIELD_COUNT_MAX`] fields.
    #[error("send fewer fields: there may be {FIELD_COUNT_MAX}")]
    TooManyFields,
    /// A field is not a name, a colon and a value on one line, or holds a control character.
    #[error(
        "write each field on one line as Name: value, without control characters or a space before the colon"
    )]
    BadField,
    /// A line ends with something else than CR and LF.
    #[error("end each line of the head with CR LF")]
    BadLineEnd,
    /// A request of HTTP/1.1 does not say which host it is for.
    #[error("send a Host field")]
    MissingHost,
    /// There are two `Host` fields.
    #[error("send one Host field")]
    RepeatedHost,
    /// `Host` is not a name or address with an optional port.
    #[error("send the server's name or address, and nothing but a port beside it, as the host")]
    BadHost,
    /// A field that is looked for has come more than once.
    #[error("send the field once")]
    RepeatedField,
    /// There are both `Content-Length` and `Transfer-Encoding`.
    #[error("send Content-Length or Transfer-Encoding, not both")]
    LengthAndChunked,
    /// There are two `Content-Length` fields, equal or not.
    #[error("send one Content-Length field")]
    RepeatedLength,
    /// `Content-Length` is not one decimal number under 2^64.
    #[error("send one decimal number as Content-Length")]
    BadLength,
    /// `Transfer-Encoding` is something else than `chunked`.
    #[error("send no other Transfer-Encoding than chunked")]
    UnknownTransferCoding,
    /// A message of HTTP/1.0 has a `Transfer-Encoding`, which that version does not know.
    #[error("send Content-Length, or speak HTTP/1.1 to send chunks")]
    ChunkedInHttp10,
    /// `Expect` is something else than `100-continue`.
    #[error("expect nothing else than 100-continue")]
    UnknownExpectation,
}

impl HeadError {
    /// What httparse means, where the error alone tells.
    pub(super) fn from_grammar(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName | httparse::Error::HeaderValue => Self::BadField,
            httparse::Error::NewLine => Self::BadLineEnd,
            httparse::Error::Status => Self::BadStatusLine,
            httparse::Error::Token => Self::BadTarget,
            httparse::Error::TooManyHeaders => Self::TooManyFields,
            httparse::Error::Version => Self::UnsupportedVersion,
        }
    }
}
