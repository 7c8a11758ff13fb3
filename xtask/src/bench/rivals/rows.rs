//! What can be measured, one file each.

mod cache_get;
mod cache_put;
mod cold_scan;
mod idle;
mod large_get;
mod large_put;
mod many_get;
mod ranges;
mod small_get;
mod small_put;

use anyhow::Result;

use super::stand::Stand;
use super::table::{Column, Table};

/// A kind of work.
pub(super) struct Row {
    /// As `--only` takes it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// How it is measured, as a reader of the table must know it.
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column],
    /// Whether it needs the largest blob.
    pub(super) has_huge: bool,
    pub(super) measure: fn(&Stand) -> Result<Vec<Table>>,
}

pub(super) const ALL: &[Row] = &[
    small_get::ROW,
    many_get::ROW,
    large_get::ROW,
    ranges::ROW,
    large_put::ROW,
    small_put::ROW,
    cache_get::ROW,
    cache_put::ROW,
    idle::ROW,
    cold_scan::ROW,
];

const REQUESTS: &[Column] = &[
    Column { head: "requests/s", places: 0, ratio: Some("speed: ours / its") },
    Column { head: "CPU us/request", places: 2, ratio: Some("CPU: ours / its") },
];

const BYTES: &[Column] = &[
    Column { head: "GiB/s", places: 2, ratio: Some("speed: ours / its") },
    Column { head: "CPU s/GiB", places: 3, ratio: Some("CPU: ours / its") },
];

fn connections(count: usize) -> String {
    format!("{count} connection{}", if count == 1 { "" } else { "s" })
}
