//! How far a scrub is, in words that outlive the process.

use std::fmt::Write as _;

use aqueduct_blob::Digest;

use crate::fault::StorageFault;
use crate::index::Index;

/// One reading of everything, or of as much as there was time for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubPass {
    /// When it began, in seconds since 1970.
    pub began: i64,
    /// When it came to its end; `None` where it did not yet.
    pub ended: Option<i64>,
    /// The last blob of those that are done, which are all up to it.
    pub last: Option<Digest>,
    /// Blobs that were read.
    pub count: u64,
    /// The sum of their sizes, in bytes.
    pub size: u64,
    /// Those that were damaged.
    pub damaged: u64,
    /// What could not be read.
    pub failed: u64,
    /// Checkpoint lists that were written anew.
    pub rebuilt: u64,
}

/// What is known of the scrubs of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubState {
    /// Whether somebody scrubs at this moment.
    pub is_running: bool,
    /// The pass that goes on, or that the next scrub goes on with.
    pub pass: Option<ScrubPass>,
    /// The last one that came to its end.
    pub whole: Option<ScrubPass>,
}

impl ScrubPass {
    pub(super) fn begin(now: i64) -> Self {
        Self { began: now, ..Self::default() }
    }

    fn write(&self) -> String {
        let Self { began, ended, last, count, size, damaged, failed, rebuilt } = self;
        let mut text = format!("began {began}\n");
        // A string takes whatever is written to it.
        let _ = ended.map(|ended| writeln!(text, "ended {ended}"));
        let _ = last.map(|last| writeln!(text, "last {last}"));
        let _ = write!(text, "count {count}\nsize {size}\n");
        let _ = write!(text, "damaged {damaged}\nfailed {failed}\nrebuilt {rebuilt}\n");
        text
    }

    /// `None` for what was not written by [`Self::write`].
    fn read(text: &str) -> Option<Self> {
        let mut pass = Self::default();
        for line in text.lines() {
            let (row, value) = line.split_once(' ')?;
            match row {
                "began" => pass.began = value.parse().ok()?,
                "ended" => pass.ended = Some(value.parse().ok()?),
                "last" => pass.last = Some(value.parse().ok()?),
                "count" => pass.count = value.parse().ok()?,
                "size" => pass.size = value.parse().ok()?,
                "damaged" => pass.damaged = value.parse().ok()?,
                "failed" => pass.failed = value.parse().ok()?,
                "rebuilt" => pass.rebuilt = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(pass)
    }
}

impl ScrubState {
    pub(super) fn read(index: &Index) -> Result<Self, StorageFault> {
        let row = |row| Ok(index.kept(row)?.and_then(|text| ScrubPass::read(&text)));
        Ok(Self { is_running: false, pass: row(PASS)?, whole: row(WHOLE)? })
    }

    pub(super) fn write(&self, index: &Index) -> Result<(), StorageFault> {
        let text = |pass: &Option<ScrubPass>| pass.as_ref().map(ScrubPass::write);
        index.keep(&[(PASS, text(&self.pass)), (WHOLE, text(&self.whole))])
    }
}

/// Rows of the index.
const PASS: &str = "scrub-pass";
const WHOLE: &str = "scrub-whole";

#[cfg(test)]
mod tests;
