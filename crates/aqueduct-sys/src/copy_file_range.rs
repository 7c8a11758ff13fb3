//! copy_file_range(2).

use std::os::fd::AsFd;

use crate::error::Named;
use crate::{Result, checked, clamped};

/// Copies up to `len` bytes between two regular files inside the kernel, sharing blocks where the filesystem can.
///
/// Neither file position is used or moved. 0 means that `source` has nothing at `source_offset`, or that the kernel
/// believes so: files in /proc report size 0, and Linux 5.3 to 5.18 could answer 0 across filesystems.
///
/// # Errors
///
/// EXDEV between filesystems that cannot copy to each other; EINVAL for anything but regular files; EBADF if
/// `target` is in append mode. See copy_file_range(2).
pub fn copy_file_range(
    source: impl AsFd,
    source_offset: u64,
    target: impl AsFd,
    target_offset: u64,
    len: usize,
) -> Result<usize> {
    let mut source_offset = checked(CALL, source_offset)?;
    let mut target_offset = checked(CALL, target_offset)?;
    rustix::fs::copy_file_range(
        source,
        Some(&mut source_offset),
        target,
        Some(&mut target_offset),
        clamped(len),
    )
    .named(CALL)
}

const CALL: &str = "copy_file_range";
