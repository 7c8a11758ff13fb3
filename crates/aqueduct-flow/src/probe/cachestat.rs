//! Whether the pages of a file that are in memory can be counted.

use std::fs::File;

use aqueduct_sys::cachestat;

use super::{LEN, Tried};
use crate::uninterrupted;

/// Counts those of a file that was just written.
pub(super) fn counted(source: &File) -> Tried {
    Tried::of(uninterrupted(|| cachestat(source, &(0..LEN as u64))), |found| found.cached + found.evicted > 0)
}
