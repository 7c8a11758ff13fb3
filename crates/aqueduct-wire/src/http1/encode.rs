//! Heads, as we say them.

use std::fmt::{self, Write};

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
    text: String,
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

    /// The status of a response; `None` of a request.
    pub fn status(&self) -> Option<StatusCode> {
        let code = self.text.strip_prefix("HTTP/1.1 ")?.get(..3)?;
        StatusCode::from_bytes(code.as_bytes()).ok()
    }

    /// Adds one field.
    ///
    /// # Panics
    ///
    /// If the value holds a control character: it could end the line and begin another field. What comes from a peer
    /// must have been checked before it is said.
    pub fn field(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        let begin = self.text.len();
        self.text.push_str(name);
        self.text.push_str(": ");
        self.end_line(begin, format_args!("{value}"))
    }

    /// The lines so far, for a head that goes on with others.
    pub fn unfinished(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// Ends the head with the empty line.
    pub fn finish(mut self) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }

    fn begin(line: fmt::Arguments<'_>) -> Self {
        Self { text: String::with_capacity(HEAD_LEN_USUAL) }.end_line(0, line)
    }

    /// Ends the line that begins at `begin`.
    fn end_line(mut self, begin: usize, rest: fmt::Arguments<'_>) -> Self {
        self.text.write_fmt(rest).expect("a String takes all that is written to it");
        let line = &self.text[begin..];
        // All of it, which takes less time than to stop at the first.
        let is_clean = line.bytes().fold(true, |is_clean, byte| is_clean & !byte.is_ascii_control());
        assert!(is_clean, "no line of a head holds a control character: {}", line.escape_debug());
        self.text.push_str("\r\n");
        self
    }
}

/// Room for what a blob's head takes, about 400 bytes, so that it is allocated once.
const HEAD_LEN_USUAL: usize = 512;

#[cfg(test)]
mod tests;
