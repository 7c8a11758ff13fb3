//! What a server wrote down of an upload: each segment that it received and hashed.

use std::collections::BTreeMap;

/// How often each segment landed, over all lives of a server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Landings {
    counts: BTreeMap<u64, u32>,
    /// What the life that stored the blob says it took in of it, and hashed; both in bytes.
    pub(super) stored: Option<(u64, u64)>,
}

impl Landings {
    /// Adds the log of one life, and answers how many segments landed in it.
    pub(super) fn add(&mut self, log: &str) -> u64 {
        let mut count = 0;
        for line in log.lines() {
            if let (true, Some(index)) = (line.contains(" a segment landed "), number(line, "index=")) {
                *self.counts.entry(index).or_default() += 1;
                count += 1;
            }
            if let (Some(received), Some(hashed)) = (number(line, "received="), number(line, "hashed=")) {
                self.stored = Some((received, hashed));
            }
        }
        count
    }

    /// How many of the segments below `segment_count` never landed.
    pub(super) fn missing_count(&self, segment_count: u64) -> u64 {
        (0..segment_count).filter(|index| !self.counts.contains_key(index)).count() as u64
    }

    /// How many landings were one too many.
    pub(super) fn repeated_count(&self) -> u64 {
        self.counts.values().map(|count| u64::from(count - 1)).sum()
    }
}

/// The number of a field.
fn number(line: &str, field: &str) -> Option<u64> {
    line.split_whitespace().find_map(|word| word.strip_prefix(field)?.parse().ok())
}

#[cfg(test)]
mod tests;
