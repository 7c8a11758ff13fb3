//! For a spreadsheet.

use std::fmt::Write as _;

use super::{Report, Spread};

impl Report {
    /// A line a figure, after one of names. RFC 4180, but for its line ends, which are those of this system.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = format!("{}\n", HEADS.join(","));
        for figure in &self.figures {
            let (rate, cpu) = (spread(figure.rate), spread(figure.cpu));
            let calls = figure.calls.map(|calls| calls.median.to_string()).unwrap_or_default();
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{rate},{cpu},{calls},{},{},{}",
                figure.group,
                quoted(&figure.arm),
                figure.temperature,
                figure.size,
                figure.operations,
                figure.sample_count,
                figure.switches.median,
                figure.wall.median,
                quoted(&figure.limit.to_string()),
            );
        }
        text
    }
}

fn spread(spread: Spread) -> String {
    format!("{},{},{}", spread.median, spread.min, spread.max)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

const HEADS: [&str; 16] = [
    "group",
    "arm",
    "temperature",
    "size",
    "operations",
    "samples",
    "gib_per_second",
    "gib_per_second_min",
    "gib_per_second_max",
    "cpu_seconds_per_gib",
    "cpu_seconds_per_gib_min",
    "cpu_seconds_per_gib_max",
    "calls_per_gib",
    "switches_per_gib",
    "seconds_per_operation",
    "limit",
];
