//! The part of the blobs door that pins names: `/pins` and what is below.

use aqueduct_blob::Digest;
use aqueduct_wire::http1::{RequestHead, decode_path};
use http::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, json_text, nothing};
use super::blobs::{digest, no_such_path, not_allowed, page};
use super::{Intent, Refusal};

/// What is asked about pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinIntent {
    Pin(Digest),
    Unpin(Digest),
    List { after: Option<Digest>, limit: usize },
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PinOutcome {
    Pinned { digest: Digest, is_new: bool, is_present: bool },
    Unpinned,
    Listed { pins: Vec<Digest>, next: Option<Digest> },
}

/// Whether a path is of this part.
pub(super) fn is_here(path: &str) -> bool {
    decode_path(path).is_some_and(|path| path == ROOT || path.starts_with("/pins/"))
}

/// What a head asks of this part; its path is here.
pub(super) fn intent(head: &RequestHead<'_>) -> Result<Intent, Refusal> {
    let path = decode_path(head.path).ok_or_else(|| no_such_path(head.path))?;
    let name = path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let intent = if name.is_empty() {
        match head.method {
            Method::GET | Method::HEAD => {
                let (after, limit) = page(head)?;
                PinIntent::List { after, limit }
            }
            _ => return Err(not_allowed(head, "GET, HEAD")),
        }
    } else {
        match head.method {
            Method::PUT => PinIntent::Pin(digest(name)?),
            Method::DELETE => PinIntent::Unpin(digest(name)?),
            _ => return Err(not_allowed(head, "PUT, DELETE")),
        }
    };
    Ok(Intent::Pin(intent))
}

pub(super) fn answer(outcome: &PinOutcome) -> Answer {
    match outcome {
        PinOutcome::Pinned { digest, is_new, is_present } => {
            let status = if *is_new { StatusCode::CREATED } else { StatusCode::OK };
            json_text(status, &json!({ "digest": digest.to_string(), "present": is_present }))
        }
        PinOutcome::Unpinned => nothing(StatusCode::NO_CONTENT),
        PinOutcome::Listed { pins, next } => {
            let pins: Vec<_> = pins.iter().map(Digest::to_string).collect();
            json_text(StatusCode::OK, &json!({ "next": next.map(|next| next.to_string()), "pins": pins }))
        }
    }
}

const ROOT: &str = "/pins";
