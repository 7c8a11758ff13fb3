//! What lies in quarantine, and the notes that say where it is damaged.

use std::fmt::Write as _;
use std::io::Read;
use std::iter;
use std::ops::Range;
use std::path::Path;

use aqueduct_blob::Digest;

use crate::disk::Disk;
use crate::fault::{Blame, StorageFault};
use crate::layout::{self, QuarantineFile};
use crate::store::Store;

/// A damaged blob that is kept to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The name it had, which may lead to a good copy by now.
    pub digest: Digest,
    /// The size of its file, in bytes.
    pub size: u64,
    /// Where it is damaged, as far as that was noted; empty where it was not.
    pub damage: Vec<Range<u64>>,
}

impl Store {
    /// What is in quarantine, in the order of the names.
    ///
    /// # Errors
    /// Where the directory or a file in it cannot be looked at.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StorageFault> {
        list(&*self.inner.disk)
    }
}

pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<Quarantined>, StorageFault> {
    let directory = Path::new(layout::QUARANTINE);
    let names = disk.list(directory).blame("list", directory)?.unwrap_or_default();
    let mut listed = Vec::new();
    for name in names {
        let Some(QuarantineFile::Bytes(digest)) = layout::quarantined_at(&name) else { continue };
        let path = layout::quarantined(&digest);
        let Some(stat) = disk.stat_path(&path).blame("stat", &path)? else { continue };
        listed.push(Quarantined { digest, size: stat.size, damage: read_note(disk, &digest) });
    }
    listed.sort_unstable_by_key(|quarantined| quarantined.digest);
    Ok(listed)
}

/// A note is not synced, and nothing depends on it: one that does not read as such says nothing.
fn read_note(disk: &dyn Disk, digest: &Digest) -> Vec<Range<u64>> {
    let mut text = String::new();
    let read = match disk.open(&layout::damage(digest)) {
        Ok(Some(file)) => file.take(NOTE_LEN_MAX).read_to_string(&mut text),
        _ => return Vec::new(),
    };
    read.ok().and_then(|_| Damage::parse(&text)).unwrap_or_default()
}

/// Where a blob is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The size of its file.
    pub(crate) size: u64,
    /// In order and never touching each other.
    pub(crate) ranges: Vec<Range<u64>>,
}

impl Damage {
    /// Of a blob of which nobody knows more.
    pub(crate) fn whole(size: u64) -> Self {
        Self { size, ranges: iter::once(0..size).collect() }
    }

    /// The note that lies beside the bytes.
    pub(crate) fn note(&self, now: i64) -> String {
        let mut text = format!("{HEADING}\nfound {now}\nsize {}\n", self.size);
        for range in self.ranges.iter().take(RANGE_COUNT_MAX) {
            // A string takes whatever is written to it.
            let _ = writeln!(text, "range {} {}", range.start, range.end);
        }
        if self.ranges.len() > RANGE_COUNT_MAX {
            let _ = writeln!(text, "more {}", self.ranges.len() - RANGE_COUNT_MAX);
        }
        text
    }

    fn parse(text: &str) -> Option<Vec<Range<u64>>> {
        let mut lines = text.strip_suffix('\n')?.lines();
        (lines.next()? == HEADING).then_some(())?;
        let ranges = lines.filter_map(|line| line.strip_prefix("range ")).map(|range| {
            let (start, end) = range.split_once(' ')?;
            Some(start.parse().ok()?..end.parse().ok()?)
        });
        ranges.collect()
    }
}

const HEADING: &str = "aqueduct damage";

/// Ranges that are written down: a disk that has more wrong places is looked at as a whole.
const RANGE_COUNT_MAX: usize = 1000;

/// More than the longest note has: each of its numbers has at most 20 digits.
const NOTE_LEN_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests;
