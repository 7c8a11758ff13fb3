//! The blobs door: `/blobs` and what is below, `/healthz` and `/`.

use std::borrow::Cow;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_wire::http1::{
    Fields, RequestHead, decode_path, etag, matches_if_range, matches_strong, matches_weak, prefers_html,
    query_pairs,
};
use http::Method;
use serde_json::Value;

use super::{Condition, Intent, Name, Read, Refusal, Write};

/// What a head asks of this door.
pub(super) fn intent(head: &RequestHead<'_>) -> Result<Intent, Refusal> {
    let path = decode_path(head.path).ok_or_else(|| no_such_path(head.path))?;
    match &*path {
        "/" => reading(head, || {
            let host = head.host.unwrap_or("HOST:PORT").to_owned();
            Ok(Intent::Front { html: prefers_html(head.fields.first("accept")), host })
        }),
        "/healthz" => reading(head, || Ok(Intent::Health)),
        "/blobs" | "/blobs/" => match head.method {
            Method::GET | Method::HEAD => list(head),
            Method::POST => Ok(Intent::Write(Write { name: Name::Found(algorithm(head)?), only_new: false })),
            _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD, POST" }),
        },
        "/blobs/missing" => match head.method {
            Method::POST => Ok(Intent::Missing),
            _ => Err(Refusal::MethodNotAllowed { allow: "POST" }),
        },
        path => match path.strip_prefix("/blobs/") {
            Some(name) => blob(head, name),
            None => Err(no_such_path(path)),
        },
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

fn blob(head: &RequestHead<'_>, name: &str) -> Result<Intent, Refusal> {
    // A method that is wrong for every blob is wrong for this one.
    if ![Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(&head.method) {
        return Err(Refusal::MethodNotAllowed { allow: "GET, HEAD, PUT, DELETE" });
    }
    let digest = digest(name)?;
    match head.method {
        Method::PUT => {
            let only_new =
                joined(&head.fields, "if-none-match").is_some_and(|list| list.trim_ascii() == b"*");
            Ok(Intent::Write(Write { name: Name::Given(digest), only_new }))
        }
        Method::DELETE => Ok(Intent::Remove { digest }),
        _ => Ok(Intent::Read(read(&head.fields, digest))),
    }
}

/// RFC 9110 section 13.2.2 gives the order. There is no `Last-Modified` here, so dates never hold nor fail.
fn read(fields: &Fields<'_>, digest: Digest) -> Read {
    let etag = etag(&digest);
    let condition = if joined(fields, "if-match").is_some_and(|list| !matches_strong(&list, &etag)) {
        Condition::Failed
    } else if joined(fields, "if-none-match").is_some_and(|list| matches_weak(&list, &etag)) {
        Condition::NotModified
    } else {
        Condition::Holds
    };
    // Of two ranges neither can be trusted to be what was meant: the whole is always right.
    let mut ranges = fields.all("range");
    let range = ranges.next().filter(|_| ranges.next().is_none());
    let range =
        range.filter(|_| fields.first("if-range").is_none_or(|validator| matches_if_range(validator, &etag)));
    Read { digest, condition, ranges: range.map(Into::into) }
}

fn list(head: &RequestHead<'_>) -> Result<Intent, Refusal> {
    let mut after = None;
    let mut limit = LIST_COUNT_DEFAULT;
    for (name, value) in query_pairs(head.query.unwrap_or_default()) {
        match &*name {
            "after" => after = Some(digest(&value)?),
            "limit" => {
                let bad = || bad_query("limit", &value, "a number from 1 to 10000");
                limit = value.parse().map_err(|_| bad())?;
                if !(1..=LIST_COUNT_MAX).contains(&limit) {
                    return Err(bad());
                }
            }
            _ => return Err(unknown_query(&name, &value)),
        }
    }
    Ok(Intent::List { after, limit })
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
        _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }),
    }
}

/// A list field, its lines joined as RFC 9110 section 5.3 has it.
fn joined<'b>(fields: &Fields<'b>, name: &str) -> Option<Cow<'b, [u8]>> {
    let mut lines = fields.all(name);
    let first = lines.next()?;
    Some(lines.fold(Cow::Borrowed(first), |list, line| Cow::Owned([&*list, b", ", line].concat())))
}

fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error| Refusal::BadDigest { text: text.to_owned(), error })
}

fn no_such_path(path: &str) -> Refusal {
    Refusal::NoSuchPath { path: path.to_owned() }
}

fn bad_query(name: &'static str, value: &str, expected: &'static str) -> Refusal {
    Refusal::BadQuery { name: name.to_owned(), value: value.to_owned(), expected }
}

fn unknown_query(name: &str, value: &str) -> Refusal {
    Refusal::BadQuery {
        name: name.to_owned(),
        value: value.to_owned(),
        expected: "left out: it is not known here",
    }
}

/// Blobs on a page where nobody says.
const LIST_COUNT_DEFAULT: usize = 1000;

/// About a megabyte of JSON.
const LIST_COUNT_MAX: usize = 10_000;

/// Looked up by one worker in one go.
const MISSING_COUNT_MAX: usize = 10_000;

/// Room for as many digests, quoted, and some white space; held in memory while it arrives.
pub(crate) const MISSING_BODY_LEN_MAX: usize = 1 << 20;
