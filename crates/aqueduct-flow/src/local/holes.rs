//! Where a file has data.

use std::fs::File;
use std::ops::Range;

use aqueduct_sys::{Stat, seek_data, seek_hole};

use crate::uninterrupted;

/// Finds the data of a file, stretch by stretch.
#[derive(Debug)]
pub(super) struct Holes {
    /// Whether to look: a file with all its blocks has none.
    is_sparse: bool,
}

impl Holes {
    pub(super) fn of(found: &Stat) -> Self {
        let allocated = found.block_count.saturating_mul(BLOCK_LEN);
        Self { is_sparse: allocated < found.size }
    }

    /// The first stretch of data at or after `offset` and before `size`; `None` if only a hole follows. Where the
    /// filesystem cannot tell, everything is data.
    pub(super) fn next_data(&mut self, file: &File, offset: u64, size: u64) -> Option<Range<u64>> {
        if offset >= size {
            return None;
        }
        if !self.is_sparse {
            return Some(offset..size);
        }
        let Ok(start) = uninterrupted(|| seek_data(file, offset)) else {
            self.is_sparse = false;
            return Some(offset..size);
        };
        let start = start.filter(|&start| start < size)?;
        let end = uninterrupted(|| seek_hole(file, start)).ok().flatten().unwrap_or(size);
        Some(start..end.min(size))
    }
}

/// The unit of `st_blocks`: "Number of 512B blocks allocated", stat(3type).
const BLOCK_LEN: u64 = 512;
