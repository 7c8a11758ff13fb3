//! What a request is for (RFC 9112 section 3.2).

use std::borrow::Cow;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::HeadError;

/// The text of a path with its percent-encoding undone, or `None` if it is malformed or no UTF-8.
///
/// An encoded `/` becomes one like any other, so whoever gives meaning to the parts of a path has to split it first.
pub fn decode_path(path: &str) -> Option<Cow<'_, str>> {
    // All of it, which takes less time than to stop at the first.
    if path.bytes().fold(true, |is_plain, byte| is_plain & (byte != b'%')) {
        return Some(Cow::Borrowed(path));
    }
    if is_encoded_well(path) { percent_decode_str(path).decode_utf8().ok() } else { None }
}

/// One part of a path, between slashes, as a name of a file: bytes, which need not be UTF-8. `None` if it is malformed, or
/// holds what no name does (a slash or a NUL), or means another place than a name in a directory (`.`, `..`, nothing).
pub fn decode_name(part: &str) -> Option<Vec<u8>> {
    let name: Vec<u8> = is_encoded_well(part).then(|| percent_decode_str(part).collect())?;
    let is_name =
        !matches!(name[..], [] | [b'.'] | [b'.', b'.']) && !name.iter().any(|byte| b"/\0".contains(byte));
    is_name.then_some(name)
}

/// A name of a file as a part of a path, or of the extended value of a field (RFC 8187 section 3.2.1): what neither HTML nor
/// a shell, nor any reader of URLs, gives a meaning to.
pub fn encode_name(name: &[u8]) -> String {
    percent_encode(name, NOT_PLAIN).to_string()
}

fn is_encoded_well(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        matches!(after.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

/// All but the unreserved of RFC 3986 section 2.3; `~` is left out, because shells give it a meaning.
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The names and values of a query in the order in which they came, decoded. What is no UTF-8 is replaced by U+FFFD.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// A target, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'b> {
    pub(super) authority: Option<&'b str>,
    pub(super) path: &'b str,
    pub(super) query: Option<&'b str>,
}

impl<'b> Target<'b> {
    /// Accepts the origin form, the absolute form with the scheme `http`, and `*` for `OPTIONS`. The authority form is
    /// for `CONNECT` to a proxy.
    pub(super) fn parse(text: &'b str, method: &Method) -> Result<Self, HeadError> {
        // All of it, which takes less time than to stop at the first that is wrong.
        if !text.bytes().fold(true, |is_good, byte| is_good & is_target_byte(byte)) {
            return Err(HeadError::BadTarget);
        }
        if text.starts_with('/') {
            return Ok(Self::split_query(None, text));
        }
        if text == "*" && *method == Method::OPTIONS {
            return Ok(Self { authority: None, path: text, query: None });
        }
        let after_scheme = strip_scheme(text).ok_or(HeadError::BadTarget)?;
        let end = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at(end);
        // RFC 9110 section 4.2.1 forbids an empty host, and 4.2.4 a user before it.
        let authority =
            parse_host(authority.as_bytes()).filter(|host| !host.is_empty() && !host.starts_with(':'));
        let authority = authority.ok_or(HeadError::BadTarget)?;
        Ok(Self::split_query(Some(authority), rest))
    }

    /// RFC 9110 section 4.2.3: an empty path is the path `/`.
    fn split_query(authority: Option<&'b str>, rest: &'b str) -> Self {
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Self { authority, path: if path.is_empty() { "/" } else { path }, query }
    }
}

/// What a target may hold, more than RFC 3986 allows because nothing here can be misled by `"` or `|`. httparse lets any
/// byte from 0x80 on through. A fragment is never sent (RFC 9110 section 7.1).
pub(super) const fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Checks `uri-host [":" port]` of RFC 9110 section 7.2, down to the characters. May be empty.
pub(super) fn parse_host(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    let (is_host_good, port) = match text.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']')?;
            (!address.is_empty() && address.bytes().all(is_literal_byte), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (name.bytes().all(is_name_byte), port)
        }
    };
    let digits = if port.is_empty() { port } else { port.strip_prefix(':')? };
    (is_host_good && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Schemes are compared without case (RFC 9110 section 4.2.3).
fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    scheme.eq_ignore_ascii_case("http").then_some(rest)
}

/// What `reg-name` is made of (RFC 3986 section 3.2.2).
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)
}

/// What an IPv6 address between brackets is made of. No scoped or future one is ever needed in `Host`.
fn is_literal_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
}

#[cfg(test)]
mod tests;
