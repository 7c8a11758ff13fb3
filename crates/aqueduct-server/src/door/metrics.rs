//! `GET /metrics`: what is counted, as Prometheus and others collect it.

use http::StatusCode;

use super::answer::{Answer, text};

/// The page as it is.
pub(super) fn page(page: &str) -> Answer {
    text(StatusCode::OK, TEXT, page.as_bytes().to_vec())
}

/// The media type of the text format (prometheus.io/docs/instrumenting/exposition_formats).
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
