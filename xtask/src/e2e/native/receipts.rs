//! What a server wrote down of the segments of an upload that it took in, whole or not.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Sums over all lives of a server.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Bytes.
    pub(super) received: u64,
    /// Bytes.
    pub(super) hashed: u64,
    /// How often each segment was hashed to its end.
    whole: BTreeMap<u64, u32>,
    /// How many of those that were hashed to their end somebody had begun anew by then.
    pub(super) superseded_count: u64,
}

impl Receipts {
    /// Adds the log of one life.
    pub(super) fn add(&mut self, log: &str) -> Result<()> {
        for fields in log.lines().filter_map(fields) {
            self.add_segment(fields).with_context(|| format!("the log says: segment {fields}"))?;
        }
        Ok(())
    }

    fn add_segment(&mut self, fields: &str) -> Result<()> {
        let number = |name: &str| -> Result<u64> {
            let mut values = fields.split(' ').filter_map(|field| field.strip_prefix(name));
            Ok(values.next().with_context(|| format!("no {name}"))?.parse()?)
        };
        let (_, outcome) = fields.split_once("outcome=").context("no outcome")?;
        self.received += number("received=")?;
        self.hashed += number("hashed=")?;
        self.superseded_count += u64::from(outcome == SUPERSEDED);
        if WHOLE.contains(&outcome) {
            *self.whole.entry(number("index=")?).or_default() += 1;
        }
        Ok(())
    }

    /// How many of the segments below `segment_count` were never hashed to their end.
    pub(super) fn missing_count(&self, segment_count: u64) -> u64 {
        (0..segment_count).filter(|index| !self.whole.contains_key(index)).count() as u64
    }

    /// How often one was that had been before.
    pub(super) fn repeated_count(&self) -> u64 {
        self.whole.values().map(|count| u64::from(count - 1)).sum()
    }
}

/// Of a line about a segment; others begin with other words.
fn fields(line: &str) -> Option<&str> {
    line.split_once(" TRACE segment ").map(|(_, fields)| fields)
}

/// What becomes of a segment that is hashed to its end. It may also be taken over, or break off, before that.
const WHOLE: [&str; 3] = ["\"held\"", "\"failed\"", SUPERSEDED];

/// Somebody had begun it anew by then, and hashes it as well.
const SUPERSEDED: &str = "\"superseded\"";

#[cfg(test)]
mod tests;
