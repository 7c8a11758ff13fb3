//! Costs as they are written down: a line for each workload.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::filler::write_text;

/// What one request takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) calls: f64,
    pub(super) instructions: f64,
}

/// The costs of some workloads, by name.
#[derive(Debug, PartialEq)]
pub(super) struct Table(Vec<(String, Cost)>);

impl Table {
    pub(super) fn new(costs: impl IntoIterator<Item = (String, Cost)>) -> Self {
        Self(costs.into_iter().collect())
    }

    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Self::parse(&text).with_context(|| format!("{} is malformed", file.display()))
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        write_text(file, &self.to_string())
    }

    /// What is wrong with what was measured, where this is what was written down. What got cheaper is to be written down, too:
    /// otherwise it could get dearer again unseen.
    pub(super) fn complaints(&self, measured: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, is) in &measured.0 {
            let Some((_, was)) = self.0.iter().find(|(known, _)| known == name) else {
                complaints.push(format!("{name} is not written down"));
                continue;
            };
            let kinds = [
                ("system calls", was.calls, is.calls, (was.calls * CALLS_SLACK).max(CALLS_LEAST)),
                ("instructions", was.instructions, is.instructions, was.instructions * INSTRUCTIONS_SLACK),
            ];
            for (what, was, is, slack) in kinds {
                if (is - was).abs() > slack {
                    let percent = (is / was - 1.0) * 100.0;
                    complaints
                        .push(format!("{name} takes {is:.2} {what} and took {was:.2} ({percent:+.1} %)"));
                }
            }
        }
        let is_missing = |name: &str| measured.0.iter().all(|(known, _)| known != name);
        let missing = self.0.iter().filter(|(name, _)| is_missing(name));
        complaints.extend(missing.map(|(name, _)| format!("{name} is written down and not measured")));
        complaints
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let costs = lines.map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, calls, instructions] = words[..] else { return None };
            let cost = Cost { calls: calls.parse().ok()?, instructions: instructions.parse().ok()? };
            Some((name.to_owned(), cost))
        });
        costs.collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "# request, system calls, instructions: each, of a server built as tests are")?;
        for (name, Cost { calls, instructions }) in &self.0 {
            writeln!(formatter, "{name:<20} {calls:>8.2} {instructions:>10.0}")?;
        }
        Ok(())
    }
}

/// What is done from time to time, as closing a file that was kept, is in it.
const CALLS_SLACK: f64 = 0.02;

/// Where many requests are answered by one call, a few of them may come a little later.
const CALLS_LEAST: f64 = 0.05;

/// Room for another CPU, for which the C library copies in other ways.
const INSTRUCTIONS_SLACK: f64 = 0.05;

#[cfg(test)]
mod tests;
