//! What was promised, and whether it is reached.

use super::table::Table;
use crate::bench::figures::Spread;
use Bound::{AtLeast, AtMost};

/// A figure of ours, or its ratio to one of a rival, and what it must be.
pub(super) struct Goal {
    /// Of the table.
    key: &'static str,
    /// As it is written down.
    work: &'static str,
    figure: &'static str,
    column: usize,
    /// Whom it is compared with; none where the figure itself counts.
    beside: Option<&'static str>,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound:.2}"),
            Self::AtMost(bound) => format!("at most {bound:.2}"),
        }
    }
}

impl Goal {
    fn measured(&self, tables: &[Table]) -> Option<Spread> {
        let table = tables.iter().find(|table| table.key == self.key)?;
        match self.beside {
            Some(name) => table.ratio(name, self.column),
            None => Some(table.spread(self.column)),
        }
    }

    fn line(&self, tables: &[Table]) -> String {
        let beside = self.beside.map(|name| format!(", of {name}'s")).unwrap_or_default();
        let (measured, is_met) = match self.measured(tables) {
            Some(spread) if self.bound.holds(spread.median) => (format!("{spread:.2}"), "yes"),
            Some(spread) => (format!("{spread:.2}"), "**no**"),
            None => ("not measured".to_owned(), ""),
        };
        format!(
            "| {} | {}{beside} | {} | {measured} | {is_met} |\n",
            self.work,
            self.figure,
            self.bound.text()
        )
    }
}

/// In Markdown: those that the tables have something to say about.
pub(super) fn markdown(tables: &[Table]) -> String {
    let mut text = "| work | figure | must reach | measured | met |\n|---|---|---|---|---|\n".to_owned();
    for goal in GOALS.iter().filter(|goal| tables.iter().any(|table| table.key == goal.key)) {
        text += &goal.line(tables);
    }
    text
}

/// Every row has its main figure, which is a speed where there is one, first, and CPU second.
const MAIN: usize = 0;
const CPU: usize = 1;

/// The bare loop's speed or the hash's, whichever is lower, at the CPU time of both.
pub(super) const SPLICE_AND_HASH: &str = "bare loop and SHA-256";

const GET_LARGE: &str = "GET 1 GiB hot, 1 connection";
const GET_SMALL: &str = "GET 4 KiB, 64 connections, one file";
const GET_MANY: &str = "GET 4 KiB, 64 connections, 10,000 files";

const fn goal(
    key: &'static str,
    work: &'static str,
    (figure, column): (&'static str, usize),
    beside: Option<&'static str>,
    bound: Bound,
) -> Goal {
    Goal { key, work, figure, column, beside, bound }
}

const GOALS: &[Goal] = &[
    goal("get-1g/1", GET_LARGE, ("CPU", CPU), Some("bare loop"), AtMost(1.05)),
    goal("get-1g/1", GET_LARGE, ("CPU", CPU), Some("nginx"), AtMost(1.0)),
    goal("get-1g/1", GET_LARGE, ("CPU", CPU), Some("lighttpd"), AtMost(1.0)),
    goal("get-4k/64", GET_SMALL, ("CPU", CPU), Some("lighttpd"), AtMost(0.85)),
    goal("get-4k/64", GET_SMALL, ("CPU", CPU), Some("nginx"), AtMost(0.75)),
    goal("get-4k/64", GET_SMALL, ("requests/s", MAIN), Some("lighttpd"), AtLeast(1.0)),
    goal("get-4k/64", GET_SMALL, ("requests/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal("get-10k-files/64", GET_MANY, ("requests/s", MAIN), Some("lighttpd"), AtLeast(1.3)),
    goal("get-10k-files/64", GET_MANY, ("requests/s", MAIN), Some("nginx"), AtLeast(1.8)),
    goal("ranges", "GET 64 KiB ranges", ("requests/s", MAIN), Some("nginx"), AtLeast(1.1)),
    goal("put-1g/sha256", "PUT 1 GiB, SHA-256", ("speed", MAIN), Some(SPLICE_AND_HASH), AtLeast(0.9)),
    goal("put-1g/sha256", "PUT 1 GiB, SHA-256", ("CPU", CPU), Some(SPLICE_AND_HASH), AtMost(1.05)),
    goal("put-1g/blake3", "PUT 1 GiB, BLAKE3", ("speed", MAIN), Some("bare loop"), AtLeast(0.75)),
    goal(
        "put-4k/none",
        "PUT 4 KiB, 16 connections, sync none",
        ("puts/s", MAIN),
        Some("nginx"),
        AtLeast(1.0),
    ),
    goal(
        "put-4k/full",
        "PUT 4 KiB, 16 connections, sync full",
        ("puts/s", MAIN),
        Some("bare loop"),
        AtLeast(0.8),
    ),
    goal("cache-get/cas-1k", "GET cas/, 1 KiB", ("requests/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal("cache-get/ac-1k", "GET ac/, 1 KiB", ("requests/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal("cache-get/cas-64k", "GET cas/, 64 KiB", ("requests/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal("cache-get/ac-64k", "GET ac/, 64 KiB", ("requests/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal(
        "cache-put/cas-1k-none",
        "PUT cas/, 1 KiB, sync none",
        ("puts/s", MAIN),
        Some("nginx"),
        AtLeast(1.0),
    ),
    goal("cache-put/ac-1k-none", "PUT ac/, 1 KiB, sync none", ("puts/s", MAIN), Some("nginx"), AtLeast(1.0)),
    goal(
        "cache-put/cas-64k-none",
        "PUT cas/, 64 KiB, sync none",
        ("puts/s", MAIN),
        Some("nginx"),
        AtLeast(1.0),
    ),
    goal(
        "cache-put/ac-64k-none",
        "PUT ac/, 64 KiB, sync none",
        ("puts/s", MAIN),
        Some("nginx"),
        AtLeast(1.0),
    ),
    goal("cold-scan", "hot GET while a cold scan runs", ("p99 / p99 alone", MAIN), None, AtMost(2.0)),
    goal("idle", "idle connections", ("KiB each", MAIN), None, AtMost(2.0)),
];

#[cfg(test)]
mod tests;
