//! `GET /metrics`: what is counted, as Prometheus and others collect it.

use http::StatusCode;

use super::answer::{Answer, text};

/// The page as it is.
pub(super) fn page(page: &str) -> Answer {
    text(StatusCode::OK, OPEN_METRICS, page.as_bytes().to_vec())
}

/// The media type of OpenMetrics 1.0 (prometheus.io/docs/specs/om/open_metrics_spec).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
