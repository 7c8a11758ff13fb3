//! What is kept of an answer's head.

use aqueduct_wire::http1::{ContentRange, ResponseFraming, ResponseHead};
use http::StatusCode;

/// The head of an answer, without the bytes it came in.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) framing: ResponseFraming,
    pub(crate) keep_alive: bool,
    /// The size that `GET` would bring; only what answers `HEAD` has it without a body.
    pub(crate) length: Option<u64>,
    pub(crate) content_range: Option<ContentRange>,
}

impl Head {
    pub(crate) fn of(head: &ResponseHead<'_>) -> Self {
        let number = |value: &[u8]| std::str::from_utf8(value).ok()?.parse().ok();
        Self {
            status: head.status,
            framing: head.framing,
            keep_alive: head.keep_alive,
            length: head.fields.first("content-length").and_then(number),
            content_range: head.fields.first("content-range").and_then(ContentRange::parse),
        }
    }
}
