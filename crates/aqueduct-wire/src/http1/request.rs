//! Requests, as a server reads them.

use std::mem::MaybeUninit;

use http::Method;
use httparse::Status;

use super::grammar::{has_bare_line_feed, is_token_byte};
use super::limits::{EMPTY_LINE_COUNT_MAX, FIELD_COUNT_MAX, HEAD_LEN_MAX};
use super::target::Target;
use super::{Fields, Framing, HeadError, Version, target};

/// What a request asks for. It borrows the bytes that were parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method, known or not: to refuse one is the server's part (RFC 9110 section 9.1).
    pub method: Method,
    /// The path as it was sent, still percent-encoded. It begins with `/`, or is `*` for `OPTIONS`.
    pub path: &'b str,
    /// What follows the first `?` of the target, as it was sent.
    pub query: Option<&'b str>,
    /// The version that the peer speaks.
    pub version: Version,
    /// Which host is meant, with its port: from the target if that names one, or else from `Host`. `None` only in
    /// HTTP/1.0; may be empty, as RFC 9110 section 7.2 allows.
    pub host: Option<&'b str>,
    /// All fields, those among them that were already looked at.
    pub fields: Fields<'b>,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the peer would like to go on with this connection.
    pub keep_alive: bool,
    /// Whether the peer waits for [`CONTINUE`](super::CONTINUE) before it sends the body.
    pub expects_continue: bool,
}

/// Reads the head that `bytes` begin with, and gives its length, with which the body begins.
///
/// `Ok(None)` asks for more bytes and to be called again with all of them. `bytes` may hold more than the head. A few
/// empty lines before the head are skipped and counted into its length (RFC 9112 section 2.2).
///
/// # Errors
///
/// [`HeadError`], as soon as it is certain.
pub fn parse_request(bytes: &[u8]) -> Result<Option<(RequestHead<'_>, usize)>, HeadError> {
    let Some(begin) = skip_empty_lines(bytes)? else { return Ok(None) };
    let window = &bytes[begin..bytes.len().min(HEAD_LEN_MAX)];
    let mut room = [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(window, &mut room);
    let status = status.map_err(|error| refine(error, &request, window))?;
    let seen_len = if let Status::Complete(len) = status { len } else { window.len() };
    if has_bare_line_feed(&window[..seen_len]) {
        return Err(HeadError::BadLineEnd);
    }
    match status {
        Status::Complete(len) => Ok(Some((understand(&request)?, begin + len))),
        Status::Partial if bytes.len() < HEAD_LEN_MAX => Ok(None),
        // RFC 9112 section 3 wants the two told apart.
        Status::Partial if window.contains(&b'\n') => Err(HeadError::HeadTooLong),
        Status::Partial => Err(HeadError::TargetTooLong),
    }
}

/// Where the first line begins, or `None` if that cannot be seen yet.
fn skip_empty_lines(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let mut rest = bytes;
    for _ in 0..EMPTY_LINE_COUNT_MAX {
        rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
    }
    match rest {
        [] | [b'\r'] => Ok(None),
        // What cannot become a method is refused without waiting for the end of it.
        [first, ..] if !is_token_byte(*first) => Err(HeadError::NotHttp),
        _ => Ok(Some(bytes.len() - rest.len())),
    }
}

/// Finds words for what httparse says in few.
fn refine(error: httparse::Error, request: &httparse::Request<'_, '_>, window: &[u8]) -> HeadError {
    match (error, request.method, request.path) {
        (httparse::Error::Token, None, _) => HeadError::NotHttp,
        (httparse::Error::Version, Some(method), Some(target)) => {
            let version = &window[method.len() + 1 + target.len() + 1..];
            if version.starts_with(b"HTTP/") {
                HeadError::UnsupportedVersion
            } else {
                HeadError::BadRequestLine
            }
        }
        _ => HeadError::from_grammar(error),
    }
}

fn understand<'b>(request: &httparse::Request<'_, 'b>) -> Result<RequestHead<'b>, HeadError> {
    let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes());
    let method = method.map_err(|_| HeadError::NotHttp)?;
    let target = Target::parse(request.path.unwrap_or_default(), &method)?;
    let version = Version::from_minor(request.version);
    let fields = Fields::new(request.headers);
    Ok(RequestHead {
        host: find_host(version, &fields, target.authority)?,
        framing: Framing::find(version, &fields)?,
        keep_alive: version.keeps_alive(&fields),
        expects_continue: expects_continue(version, &fields)?,
        method,
        path: target.path,
        query: target.query,
        version,
        fields,
    })
}

/// RFC 9112 section 3.2: a request without `Host`, with two or with a malformed one has to be refused, and the
/// authority of the target goes before `Host`.
fn find_host<'b>(
    version: Version,
    fields: &Fields<'b>,
    authority: Option<&'b str>,
) -> Result<Option<&'b str>, HeadError> {
    let field = fields.only("host").map_err(|_| HeadError::RepeatedHost)?;
    if field.is_none() && version == Version::Http11 {
        return Err(HeadError::MissingHost);
    }
    let host = field.map(|value| target::parse_host(value).ok_or(HeadError::BadHost)).transpose()?;
    Ok(authority.or(host))
}

/// RFC 9110 section 10.1.1.
fn expects_continue(version: Version, fields: &Fields<'_>) -> Result<bool, HeadError> {
    let mut expectations = fields.all("expect").peekable();
    if version == Version::Http10 || expectations.peek().is_none() {
        return Ok(false);
    }
    if expectations.all(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        Ok(true)
    } else {
        Err(HeadError::UnknownExpectation)
    }
}

#[cfg(test)]
mod tests;
