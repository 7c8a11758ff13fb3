//! Whether what is to be sent is in memory. sendfile(2) waits for cold pages even on a socket that never blocks, and a
//! reactor that waits for a disk serves nobody.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use aqueduct_flow::Extent;
use aqueduct_sys::{ReadFlags, cachestat, preadv2};

/// The part of an extent that is asked for at once.
pub(crate) fn window(extent: &Extent, len_max: usize) -> Range<u64> {
    let Range { start, end } = extent.range();
    start..end.min(start.saturating_add(len_max as u64))
}

/// Whether a window of a file can be sent without waiting for the disk.
///
/// Samples tell: pages are read ahead, and evicted, many at a time, and the first and the last of a window have neighbours
/// that somebody else may have asked for. cachestat(2) would not do, since it counts pages that are still being read. Where
/// the filesystem cannot say (EOPNOTSUPP), where the file ends early (0), and on any error, the answer is no: a worker will
/// meet the same and may wait.
pub(crate) fn is_warm(file: &File, window: &Range<u64>) -> bool {
    let is_in_memory = |offset| matches!(preadv2(file, &mut [0], offset, ReadFlags::NOWAIT), Ok(1));
    let Some(last) = window.end.checked_sub(1) else { return true };
    // The last first: it is the likeliest to be cold. Between the first and it, one of every block.
    let blocks =
        (first_block(window) + BLOCK_LEN as u64..first_block(&(last..window.end))).step_by(BLOCK_LEN);
    [last, window.start].into_iter().chain(blocks).all(is_in_memory)
}

/// Whether the kernel is reading this file ahead of whoever reads up to `end`, as far as it can tell: what comes a while after
/// that is not in memory. Whoever reads on then reads ahead for those that follow, which is work, and may wait.
///
/// cachestat(2) does for this: only what is not even on its way is asked about. Where it is not to be had, the answer is no.
pub(crate) fn is_read_ahead(file: &File, end: u64, size: u64) -> bool {
    let page = end.saturating_add(AHEAD_LEN).min(size.saturating_sub(1));
    cachestat(file, &(page..page + 1)).is_ok_and(|found| found.cached == 0)
}

/// Reads a window from the disk, to its last byte, and the whole of the blocks that it begins and ends in, so that nobody can
/// bring in the samples alone. For workers. A file that ends early is left to the sender to find.
pub(crate) fn warm(file: &File, window: Range<u64>, scratch: &mut [u8]) -> io::Result<()> {
    read_through(file, first_block(&window)..window.end.next_multiple_of(BLOCK_LEN as u64), scratch)
}

/// The same of a window that was just sent: what is read is the rest of the blocks that it begins and ends in. For workers.
/// Where that fails, whoever sends it finds out.
pub(crate) fn complete(file: &File, window: &Range<u64>, scratch: &mut [u8]) {
    let _ = read_through(file, first_block(window)..window.start, scratch);
    let _ = read_through(file, window.end..window.end.next_multiple_of(BLOCK_LEN as u64), scratch);
}

fn read_through(file: &File, range: Range<u64>, scratch: &mut [u8]) -> io::Result<()> {
    let mut offset = range.start;
    while offset < range.end {
        let len = usize::try_from(range.end - offset).map_or(scratch.len(), |len| len.min(scratch.len()));
        match file.read_at(&mut scratch[..len], offset) {
            Ok(0) => return Ok(()),
            Ok(read) => offset += read as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where the block begins in which a window does.
fn first_block(window: &Range<u64>) -> u64 {
    window.start - window.start % BLOCK_LEN as u64
}

/// What is read at once, and of which the first byte is a sample: as much as the kernel reads ahead by default, and few calls
/// beside those that send.
const BLOCK_LEN: usize = 128 << 10;

/// More than the kernel reads ahead: two windows, of which one is being read, of the 8 MiB that the fastest disks are set to.
const AHEAD_LEN: u64 = 16 << 20;

#[cfg(test)]
mod tests;
