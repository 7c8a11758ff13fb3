//! A file that is read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Errno, Stat, seek_data, seek_hole, stat};

use super::file::is_same;

/// An open file, which several threads read at once; nobody uses its position.
#[derive(Debug)]
pub(crate) struct Opened {
    file: Arc<File>,
    seen: Stat,
}

impl Opened {
    pub(super) fn new(file: File, seen: Stat) -> Self {
        Self { file: Arc::new(file), seen }
    }

    /// To read from, by offsets.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.seen.size
    }

    /// Whether it still is what it was when it was opened, as far as its size and its times tell.
    ///
    /// # Errors
    ///
    /// Those of [`stat`].
    pub(crate) fn is_unchanged(&self) -> io::Result<bool> {
        Ok(is_same(&self.seen, &stat(&self.file)?))
    }

    /// Whether it may have holes: it has fewer blocks than its bytes need.
    pub(crate) fn may_have_holes(&self) -> bool {
        // stat(2): "the number of blocks allocated to the file, in 512-byte units".
        self.seen.block_count.saturating_mul(512) < self.seen.size
    }

    /// Where `within`, as far as it is in the file, has bytes: ascending, none empty, none touching another. The rest are
    /// holes. All of it, without asking, where there can be no holes; all of it, too, where the filesystem cannot tell.
    ///
    /// # Errors
    ///
    /// Those of [`seek_data`].
    pub(crate) fn data_ranges(&self, within: Range<u64>) -> io::Result<Vec<Range<u64>>> {
        let within = within.start..within.end.min(self.seen.size);
        if within.is_empty() {
            return Ok(Vec::new());
        }
        if !self.may_have_holes() {
            return Ok(vec![within]);
        }
        let mut ranges = Vec::new();
        let mut offset = within.start;
        // These move the position of the file, which nobody uses: so several threads may ask at once.
        while offset < within.end {
            let start = match uninterrupted(|| seek_data(&self.file, offset)) {
                Ok(Some(start)) if start < within.end => start,
                Ok(_) => break,
                Err(error) if matches!(error.errno(), Errno::INVAL | Errno::OPNOTSUPP) => {
                    return Ok(vec![within]);
                }
                Err(error) => return Err(error.into()),
            };
            // Nothing beyond the end is in a hole if the file was cut meanwhile: that is found by `is_unchanged`.
            let hole = uninterrupted(|| seek_hole(&self.file, start))?;
            let end = hole.unwrap_or(within.end).min(within.end);
            ranges.push(start..end);
            offset = end.max(start + 1);
        }
        Ok(ranges)
    }
}
