//! Heads, as we say them.

use std::fmt;
use std::io::Write;

use http::{Method, StatusCode};

use super::target::is_target_byte;

/// What a server says when it is ready for the body of a request that waits with it (RFC 9110 section 10.1.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes the head of one message.
///
/// ```
/// use aqueduct_wire::http1::HeadWriter;
///
/// let head = HeadWriter::response(http::StatusCode::OK).field("Content-Length", 3).finish();
/// assert_eq!(head, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a head is finished, and then sent"]
pub struct HeadWriter {
    bytes: Vec<u8>,
}

impl HeadWriter {
    /// Begins a response.
    pub fn response(status: StatusCode) -> Self {
        Self::begin(format_args!("HTTP/1.1 {} {}", status.as_str(), status.canonical_reason().unwrap_or("")))
    }

    /// Begins a request for `target`, which has to be a path with or without a query.
    ///
    /// # Panics
    ///
    /// If `target` does not begin with `/`, or holds a fragment or anything that is not printable ASCII.
    pub fn request(method: &Method, target: &str) -> Self {
        let is_target = target.starts_with('/') && target.bytes().all(is_target_byte);
        assert!(is_target, "a target is a path in printable ASCII without a fragment: {target:?}");
        Self::begin(format_args!("{method} {target} HTTP/1.1"))
    }

    /// Adds one field.
    ///
    /// # Panics
    ///
    /// If the value holds a control character: it could end the line and begin another field. What comes from a peer
    /// must have been checked before it is said.
    pub fn field(self, name: &'static str, value: impl fmt::Display) -> Self {
        self.line(format_args!("{name}: {value}"))
    }

    /// Ends the head with the empty line.
    pub fn finish(self) -> Vec<u8> {
        self.line(format_args!("")).bytes
    }

    fn begin(line: fmt::Arguments<'_>) -> Self {
        Self { bytes: Vec::with_capacity(HEAD_LEN_USUAL) }.line(line)
    }

    fn line(mut self, line: fmt::Arguments<'_>) -> Self {
        let begin = self.bytes.len();
        self.bytes.write_fmt(line).expect("a Vec takes all that is written to it");
        let written = &self.bytes[begin..];
        assert!(
            !written.iter().any(u8::is_ascii_control),
            "no line of a head holds a control character: {}",
            written.escape_ascii()
        );
        self.bytes.extend_from_slice(b"\r\n");
        self
    }
}

/// Room for what a blob's head takes, about 400 bytes, so that it is allocated once.
const HEAD_LEN_USUAL: usize = 512;

#[cfg(test)]
mod tests;
