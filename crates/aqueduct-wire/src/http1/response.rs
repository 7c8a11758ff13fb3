//! Responses, as a client reads them.

use std::mem::MaybeUninit;

use http::{Method, StatusCode};
use httparse::Status;

use super::grammar::has_bare_line_feed;
use super::limits::{FIELD_COUNT_MAX, HEAD_LEN_MAX};
use super::{Fields, Framing, HeadError, ResponseFraming, Version};

/// What a server answers. It borrows the bytes that were parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead<'b> {
    /// The status. One of 1xx comes before the answer proper.
    pub status: StatusCode,
    /// The version that the peer speaks.
    pub version: Version,
    /// All fields.
    pub fields: Fields<'b>,
    /// Where the body ends.
    pub framing: ResponseFraming,
    /// Whether the connection can be used again after the body.
    pub keep_alive: bool,
}

/// Reads the head that `bytes` begin with, an answer to a request with the method `to`, and gives its length, with
/// which the body begins.
///
/// `Ok(None)` asks for more bytes and to be called again with all of them. `bytes` may hold more than the head. A 1xx
/// is given like any other; what follows it is another head. `to` is never `CONNECT`, which we do not say.
///
/// # Errors
///
/// [`HeadError`], as soon as it is certain.
pub fn parse_response<'b>(
    bytes: &'b [u8],
    to: &Method,
) -> Result<Option<(ResponseHead<'b>, usize)>, HeadError> {
    if bytes.iter().zip(VERSION_BEGIN).any(|(found, wanted)| found != wanted) {
        return Err(HeadError::NotHttp);
    }
    let window = &bytes[..bytes.len().min(HEAD_LEN_MAX)];
    let mut room = [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut response, window, &mut room);
    let status = status.map_err(|error| refine(error, &response))?;
    let seen_len = if let Status::Complete(len) = status { len } else { window.len() };
    if has_bare_line_feed(&window[..seen_len]) {
        return Err(HeadError::BadLineEnd);
    }
    match status {
        Status::Complete(len) => Ok(Some((understand(&response, to)?, len))),
        Status::Partial if bytes.len() >= HEAD_LEN_MAX => Err(HeadError::HeadTooLong),
        Status::Partial => Ok(None),
    }
}

/// httparse calls it the version's fault when no space follows the version.
fn refine(error: httparse::Error, response: &httparse::Response<'_, '_>) -> HeadError {
    match (error, response.version) {
        (httparse::Error::Version, Some(_)) => HeadError::BadStatusLine,
        _ => HeadError::from_grammar(error),
    }
}

fn understand<'b>(response: &httparse::Response<'_, 'b>, to: &Method) -> Result<ResponseHead<'b>, HeadError> {
    let status = StatusCode::from_u16(response.code.unwrap_or_default());
    let status = status.map_err(|_| HeadError::BadStatusLine)?;
    let version = Version::from_minor(response.version);
    let fields = Fields::new(response.headers);
    let framing = find_framing(status, version, &fields, to)?;
    let keep_alive = framing != ResponseFraming::UntilClose && version.keeps_alive(&fields);
    Ok(ResponseHead { status, version, fields, framing, keep_alive })
}

/// RFC 9112 section 6.3. Where a body cannot be, the fields tell of the one that `GET` would have brought.
fn find_framing(
    status: StatusCode,
    version: Version,
    fields: &Fields<'_>,
    to: &Method,
) -> Result<ResponseFraming, HeadError> {
    let has_no_body = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || to == Method::HEAD;
    if has_no_body {
        return Ok(ResponseFraming::None);
    }
    Ok(match Framing::find(version, fields)? {
        Framing::None => ResponseFraming::UntilClose,
        Framing::Length(length) => ResponseFraming::Length(length),
        Framing::Chunked => ResponseFraming::Chunked,
    })
}

const VERSION_BEGIN: &[u8] = b"HTTP/";

#[cfg(test)]
mod tests;
