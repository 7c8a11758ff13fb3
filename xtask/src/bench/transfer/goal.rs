//! What was promised of a transfer, and whether it is reached.

use super::bout::{BOUND, Cost};
use super::tool::{BARE, OURS, RSYNC, SCP, SHA256, SOCAT, TAR, UNVERIFIED, VERIFIERS};
use super::{Spread, Table};

/// A figure of one tool, as a ratio to that of another.
struct Goal {
    row: &'static str,
    ours: &'static str,
    theirs: &'static str,
    what: &'static str,
    figure: fn(&Cost) -> f64,
    bound: f64,
    /// Whether less is better.
    is_cost: bool,
}

/// In Markdown: of the rows that were measured.
pub(super) fn markdown(tables: &[Table]) -> String {
    let mut text =
        "| row | tool | figure | must reach | measured | met |\n|---|---|---|---|---|---|\n".to_owned();
    for goal in goals() {
        if let Some(table) = tables.iter().find(|table| table.row.name == goal.row) {
            text += &goal.line(table.ratio(goal.ours, goal.theirs, goal.figure));
        }
    }
    text
}

impl Goal {
    fn line(&self, measured: Option<Spread>) -> String {
        let Self { row, ours, theirs, what, bound, .. } = self;
        let (measured, is_met) = match measured {
            Some(spread) if self.holds(spread.median) => (format!("{spread:.2}"), "yes"),
            Some(spread) => (format!("{spread:.2}"), "**no**"),
            None => ("not measured".to_owned(), ""),
        };
        let side = if self.is_cost { "at most" } else { "at least" };
        format!("| {row} | {ours} | {what}, of {theirs}'s | {side} {bound:.2} | {measured} | {is_met} |\n")
    }

    fn holds(&self, ratio: f64) -> bool {
        if self.is_cost { ratio <= self.bound } else { ratio >= self.bound }
    }
}

fn goals() -> Vec<Goal> {
    let speed = |row, ours, theirs, bound| Goal {
        row,
        ours,
        theirs,
        what: "speed",
        figure: Cost::speed,
        bound,
        is_cost: false,
    };
    let cpu = |theirs: &&'static str| Goal {
        row: "file",
        ours: OURS.name,
        theirs,
        what: "CPU of both ends",
        figure: Cost::total,
        bound: 1.0,
        is_cost: true,
    };
    let mut goals = vec![
        speed("file", OURS.name, RSYNC, 1.3),
        speed("file", OURS.name, SCP, 2.5),
        speed("file", UNVERIFIED, SOCAT, 1.1),
        speed("file", UNVERIFIED, BARE, 0.9),
        speed("file", SHA256, BOUND, 0.85),
    ];
    goals.extend(VERIFIERS.iter().map(cpu));
    goals.push(speed("tree", OURS.name, TAR, 1.0));
    goals
}
