//! The blobs door: `/blobs` and what is below, `/healthz`, `/metrics`, `/status` and `/`.

use std::borrow::Cow;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_wire::http1::{
    Fields, Framing, RequestHead, etag, matches_if_range, matches_strong, matches_weak, prefers_html,
    query_pairs,
};
use http::Method;
use serde_json::Value;

use super::{Condition, Intent, Name, Read, Refusal, Write};
use crate::asked::Door;

/// What a head asks of this door; `None` if its path is of another.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<Intent, Refusal>> {
    Some(match path {
        // The server as a whole (RFC 9112 section 3.2.4).
        "*" => Err(not_allowed(head, "GET, HEAD, PUT, POST, DELETE")),
        "/" => reading(head, || {
            let host = head.host.unwrap_or("HOST:PORT").to_owned();
            Ok(Intent::Front { html: prefers_html(head.fields.first("accept")), host })
        }),
        "/healthz" => reading(head, || Ok(Intent::Health)),
        "/metrics" => reading(head, || Ok(Intent::Metrics)),
        "/status" => reading(head, || Ok(Intent::Status)),
        "/blobs" | "/blobs/" => list_or_write(head),
        "/blobs/missing" => match head.method {
            Method::POST => Ok(Intent::Missing),
            _ => Err(not_allowed(head, "POST")),
        },
        path => named(head, path.strip_prefix("/blobs/")?),
    })
}

fn list_or_write(head: &RequestHead<'_>) -> Result<Intent, Refusal> {
    match head.method {
        Method::GET | Method::HEAD => {
            let (after, limit) = page(head)?;
            Ok(Intent::List { after, limit })
        }
        Method::POST => {
            has_length(head)?;
            let name = Name::Found(algorithm(head)?);
            Ok(Intent::Write(Write::unconditional(name, Door::Blobs)))
        }
        _ => Err(not_allowed(head, "GET, HEAD, POST")),
    }
}

/// The digests in the body of a `POST /blobs/missing`.
pub(crate) fn parse_digests(body: &[u8]) -> Result<Vec<Digest>, Refusal> {
    let bad = |detail: &str| Refusal::BadBody { detail: detail.to_owned() };
    let value: Value =
        serde_json::from_slice(body).map_err(|error| bad(&format!("it is not JSON: {error}")))?;
    let list = value.get("digests").and_then(Value::as_array);
    let list = list.ok_or_else(|| bad("it is not an object with a list \"digests\""))?;
    if list.len() > MISSING_COUNT_MAX {
        return Err(Refusal::TooManyDigests { count: list.len(), limit: MISSING_COUNT_MAX });
    }
    list.iter()
        .map(|item| digest(item.as_str().ok_or_else(|| bad("a digest in it is not a string"))?))
        .collect()
}

fn named(head: &RequestHead<'_>, name: &str) -> Result<Intent, Refusal> {
    // A method that is wrong for every blob is wrong for this one.
    if ![Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(&head.method) {
        return Err(not_allowed(head, "GET, HEAD, PUT, DELETE"));
    }
    blob(head, digest(name)?, Door::Blobs)
}

/// What is asked of one blob, with a method that blobs answer to.
pub(super) fn blob(head: &RequestHead<'_>, digest: Digest, door: Door) -> Result<Intent, Refusal> {
    let condition = condition(&head.fields, &digest);
    Ok(match head.method {
        Method::PUT => {
            has_length(head)?;
            // RFC 9110 section 14.5: a part must not be taken for the whole.
            if head.fields.first("content-range").is_some() {
                return Err(Refusal::PartOfBlob);
            }
            let if_absent = head.fields.first("if-match").is_none();
            let if_present = condition == Condition::Holds;
            Intent::Write(Write { name: Name::Given(digest), if_present, if_absent, door })
        }
        Method::DELETE => Intent::Remove { digest, if_present: condition == Condition::Holds },
        // Only GET has ranges (section 14.2).
        Method::HEAD => Intent::Read(Read { digest, door, condition, ranges: None, accepts_zstd: false }),
        _ => {
            let ranges = ranges(&head.fields, &digest);
            Intent::Read(Read { digest, door, condition, ranges, accepts_zstd: false })
        }
    })
}

/// RFC 9110 section 13.2.2 gives the order. There is no `Last-Modified` here, so dates never hold nor fail.
fn condition(fields: &Fields<'_>, digest: &Digest) -> Condition {
    if joined(fields, "if-match").is_some_and(|list| !matches_strong(&list, &etag(digest))) {
        Condition::Failed
    } else if joined(fields, "if-none-match").is_some_and(|list| matches_weak(&list, &etag(digest))) {
        Condition::NotModified
    } else {
        Condition::Holds
    }
}

fn ranges(fields: &Fields<'_>, digest: &Digest) -> Option<Box<[u8]>> {
    // Of two ranges neither can be trusted to be what was meant: the whole is always right.
    let range = fields.only("range").ok().flatten()?;
    let holds = |validator| matches_if_range(validator, &etag(digest));
    fields.first("if-range").is_none_or(holds).then(|| range.into())
}

/// Without a length there is no body, and nobody sends nothing to have it stored.
pub(super) fn has_length(head: &RequestHead<'_>) -> Result<(), Refusal> {
    if head.framing == Framing::None { Err(Refusal::NeedsLength) } else { Ok(()) }
}

pub(super) fn not_allowed(head: &RequestHead<'_>, allow: &'static str) -> Refusal {
    Refusal::MethodNotAllowed { method: head.method.to_string(), allow }
}

/// Where a page of a list begins, and how long it is.
pub(super) fn page(head: &RequestHead<'_>) -> Result<(Option<Digest>, usize), Refusal> {
    let mut after = None;
    let mut limit = LIST_COUNT_DEFAULT;
    for (name, value) in query_pairs(head.query.unwrap_or_default()) {
        match &*name {
            "after" => after = Some(digest(&value)?),
            "limit" => limit = list_limit(&value)?,
            _ => return Err(unknown_query(&name, &value)),
        }
    }
    Ok((after, limit))
}

/// How long a page is to be.
pub(super) fn list_limit(value: &str) -> Result<usize, Refusal> {
    let limit = value.parse().ok().filter(|limit| (1..=LIST_COUNT_MAX).contains(limit));
    limit.ok_or_else(|| bad_query("limit", value, "a number from 1 to 10000"))
}

fn algorithm(head: &RequestHead<'_>) -> Result<Algorithm, Refusal> {
    let mut algorithm = Algorithm::Sha256;
    for (name, value) in query_pairs(head.query.unwrap_or_default()) {
        match &*name {
            "digest" => {
                algorithm = value.parse().map_err(|_| bad_query("digest", &value, "sha256 or blake3"))?;
            }
            _ => return Err(unknown_query(&name, &value)),
        }
    }
    Ok(algorithm)
}

fn reading(
    head: &RequestHead<'_>,
    intent: impl FnOnce() -> Result<Intent, Refusal>,
) -> Result<Intent, Refusal> {
    match head.method {
        Method::GET | Method::HEAD => intent(),
        _ => Err(not_allowed(head, "GET, HEAD")),
    }
}

/// A list field, its lines joined as RFC 9110 section 5.3 has it.
pub(super) fn joined<'b>(fields: &Fields<'b>, name: &str) -> Option<Cow<'b, [u8]>> {
    let mut lines = fields.all(name);
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |list, line| Cow::Owned([&*list, b", ", line].concat())))
}

pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error| Refusal::BadDigest { text: text.to_owned(), error })
}

pub(super) fn no_such_path(path: &str) -> Refusal {
    Refusal::NoSuchPath { path: path.to_owned() }
}

fn bad_query(name: &'static str, value: &str, expected: &'static str) -> Refusal {
    Refusal::BadQuery { name: name.to_owned(), value: value.to_owned(), expected }
}

pub(super) fn unknown_query(name: &str, value: &str) -> Refusal {
    Refusal::BadQuery {
        name: name.to_owned(),
        value: value.to_owned(),
        expected: "left out: it is not known here",
    }
}

/// Blobs on a page where nobody says.
pub(super) const LIST_COUNT_DEFAULT: usize = 1000;

/// About a megabyte of JSON.
const LIST_COUNT_MAX: usize = 10_000;

/// Looked up by one worker in one go.
const MISSING_COUNT_MAX: usize = 10_000;

/// Room for as many digests, quoted, and some white space; held in memory while it arrives.
pub(crate) const MISSING_BODY_LEN_MAX: usize = 1 << 20;
