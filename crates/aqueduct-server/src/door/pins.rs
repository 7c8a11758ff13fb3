//! The part of the blobs door that pins names: `/pins` and what is below.

use aqueduct_blob::Digest;
use aqueduct_wire::http1::RequestHead;
use http::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, json_text, nothing};
use super::blobs::{digest, not_allowed, page};
use super::{Intent, Refusal, below};

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

/// What a head asks of this part; `None` if its path is of another.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<Intent, Refusal>> {
    below(path, ROOT).map(|name| pin_intent(head, name))
}

fn pin_intent(head: &RequestHead<'_>, name: &str) -> Result<Intent, Refusal> {
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
