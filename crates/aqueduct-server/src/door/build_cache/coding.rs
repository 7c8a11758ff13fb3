//! Which bodies are coded, and which replies may be (RFC 9110 sections 8.4 and 12.5.3). Of codings there is one, zstd: clients of
//! build caches that know of any know that one.

use aqueduct_wire::http1::{RequestHead, accepts_coding};

use super::super::blobs::joined;
use super::super::{Intent, Refusal, ZstdBody};
use crate::coding::BadCoding;

/// What a head asks of a blob, with the codings that it names.
pub(super) fn negotiated(head: &RequestHead<'_>, intent: Intent) -> Result<Intent, Refusal> {
    Ok(match intent {
        Intent::Write(write) => match of_body(head)? {
            Some(body) => Intent::WriteCoded(write, body),
            None => Intent::Write(write),
        },
        Intent::Read(mut read) => {
            // A range would be one of the coded bytes (RFC 9110 section 14.1.1), and those are not kept.
            read.accepts_zstd = head.method == http::Method::GET
                && head.fields.first("range").is_none()
                && accepts_coding(joined(&head.fields, "accept-encoding").as_deref(), ZSTD);
            Intent::Read(read)
        }
        other => other,
    })
}

/// How the body of a request is coded, if it is.
pub(super) fn of_body(head: &RequestHead<'_>) -> Result<Option<ZstdBody>, Refusal> {
    let codings = joined(&head.fields, "content-encoding").unwrap_or_default();
    let coding = codings.trim_ascii();
    if coding.is_empty() || coding.eq_ignore_ascii_case(b"identity") {
        return Ok(None);
    }
    if !coding.eq_ignore_ascii_case(ZSTD.as_bytes()) {
        return Err(Refusal::UnknownCoding);
    }
    // Of bazel-remote, whose clients say it so.
    let size = head.fields.first("x-digest-sizebytes").map(|value| {
        let digits = value.trim_ascii();
        let number = str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        number.and_then(|number| number.parse().ok()).ok_or(Refusal::BadCoding(BadCoding::NoSize))
    });
    Ok(Some(ZstdBody { size: size.transpose()? }))
}

const ZSTD: &str = "zstd";
