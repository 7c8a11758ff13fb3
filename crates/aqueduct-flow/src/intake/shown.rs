//! What a file has, for an observer.

use std::fs::File;
use std::io;
use std::ops::Range;

use aqueduct_sys::{ReadMapping, pread};

use super::Observe;
use crate::buffer::Buffer;
use crate::{SourceTruncated, uninterrupted};

/// Shows what was written to a file a moment ago: by a mapping of exactly that, or by reading it where mapping is refused (a
/// target with a name) or not worth its page faults.
///
/// The pages are in memory. Were they written back, evicted and then unreadable before the observer came to them, the
/// mapping would be SIGBUS where a read is EIO.
///
/// # Errors
///
/// As [`show_copied`].
pub(super) fn show(file: &File, range: Range<u64>, observe: &mut Observe<'_>) -> io::Result<()> {
    if range.end - range.start >= MAPPED_LEN_MIN
        && let Ok(mapping) = ReadMapping::new(file, range.clone())
    {
        observe(&mapping);
        return Ok(());
    }
    show_copied(file, range, observe)
}

/// Shows a range of a file by reading it into a pooled buffer: for an observer on another core than the writer's, to whom a
/// mapping would mean waiting for each of its pages.
///
/// # Errors
///
/// [`SourceTruncated`] if the file ends before `range` does, and what the kernel said.
pub fn show_copied(file: &File, range: Range<u64>, observe: &mut Observe<'_>) -> io::Result<()> {
    let Range { mut start, end } = range;
    if start >= end {
        return Ok(());
    }
    let mut buffer = Buffer::take();
    while start < end {
        let len = usize::try_from(end - start).map_or(buffer.len(), |len| len.min(buffer.len()));
        let filled = uninterrupted(|| pread(file, &mut buffer[..len], start))?;
        if filled == 0 {
            return Err(SourceTruncated { offset: start, missing: end - start }.into());
        }
        observe(&buffer[..filled]);
        start += filled as u64;
    }
    Ok(())
}

/// Below this a copy is cheaper than a mapping.
const MAPPED_LEN_MIN: u64 = 64 * 1024;
