//! What was found, written down.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::decision::{MARGIN, Verdict};
use super::{Calibration, Finding};
use crate::report::{LOOPBACK, Skipped, Spread, Table, digits, size_text};

impl Calibration {
    /// For a terminal: tables of at most 100 columns.
    #[must_use]
    pub fn text(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "{machine}\n{} at {}; measured in {:.1} s\n{LOOPBACK}\nProcessor seconds a GiB of the thread that moves it: medians, \
             with what half of the samples lie between.\nA way is cheaper where these do not meet, and the medians are \
             {:.0} % apart or more.\n",
            machine.filesystem,
            machine.dir,
            self.took.as_secs_f64(),
            MARGIN * 100.0,
        );
        for finding in &self.findings {
            let _ = write!(text, "\n{}\n{}", finding.title, finding.text());
        }
        for skipped in &self.skipped {
            let _ = write!(text, "\nNot measured: {}: {}", skipped.name(), skipped.reason);
        }
        if !self.skipped.is_empty() {
            text.push('\n');
        }
        text
    }

    /// One object: `thresholds` in bytes, by the names that the flags of `serve` have, and `findings`.
    #[must_use]
    pub fn json(&self) -> Value {
        let thresholds = self.findings.iter().map(|finding| (finding.name(), json!(finding.found)));
        json!({
            "machine": self.machine.json(),
            "network": "loopback",
            "seconds": self.took.as_secs_f64(),
            "thresholds": thresholds.collect::<serde_json::Map<_, _>>(),
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "skipped": self.skipped.iter().map(Skipped::json).collect::<Vec<_>>(),
        })
    }
}

impl Finding {
    /// Its flag, without the dashes.
    fn name(&self) -> String {
        self.flag.trim_start_matches('-').to_owned()
    }

    fn text(&self) -> String {
        let mut table = Table::new(&["", self.small, self.large, "cheaper"]);
        for (small, large) in &self.pairs {
            let cheaper = match Verdict::of(&small.cpu, &large.cpu) {
                Verdict::Small => self.small,
                Verdict::Large => self.large,
                Verdict::Even => "-",
            };
            let size = size_text(small.size);
            table.row(vec![size, halves(&small.cpu), halves(&large.cpu), cheaper.to_owned()]);
        }
        let found = size_text(self.found);
        let why = match (self.pairs.is_empty(), self.found == self.default) {
            (true, _) => "the default, since nothing was measured".to_owned(),
            (_, true) => "the default, against which nothing is clear".to_owned(),
            (_, false) => format!("where the default is {}", size_text(self.default)),
        };
        format!("{table}  {} {found}: {why}\n", self.flag)
    }

    fn json(&self) -> Value {
        let pair = |(small, large): &(crate::Figure, crate::Figure)| {
            json!({
                "size": small.size,
                self.small: small.cpu.json(),
                self.large: large.cpu.json(),
            })
        };
        json!({
            "threshold": self.name(),
            "default": self.default,
            "found": self.found,
            "cpu_seconds_per_gib": self.pairs.iter().map(pair).collect::<Vec<_>>(),
        })
    }
}

/// `0.375 (0.301-0.409)`: a median, and what half of the samples lie between.
fn halves(spread: &Spread) -> String {
    format!("{} ({}-{})", digits(spread.median), digits(spread.low), digits(spread.high))
}
