//! fallocate(2).

use std::os::fd::AsFd;

use rustix::fs::FallocateFlags;

use crate::error::Named;
use crate::{Result, checked};

/// What reserving space does to the size of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// The file grows to the end of the reserved range, reading as zeroes.
    Grow,
    /// The size stays; the blocks wait beyond it (`FALLOC_FL_KEEP_SIZE`).
    KeepSize,
}

/// Reserves disk space for `len` bytes from `offset`, so that writing them cannot fail for want of it.
///
/// # Errors
///
/// ENOSPC if there is no room; EOPNOTSUPP where the filesystem cannot reserve; EINVAL if `len` is 0. See fallocate(2).
pub fn fallocate(file: impl AsFd, reserve: Reserve, offset: u64, len: u64) -> Result<()> {
    let flags = match reserve {
        Reserve::Grow => FallocateFlags::empty(),
        Reserve::KeepSize => FallocateFlags::KEEP_SIZE,
    };
    rustix::fs::fallocate(file, flags, checked(CALL, offset)?, checked(CALL, len)?).named(CALL)
}

/// Makes a hole of `len` bytes from `offset`, which read as zeroes and take no space then. The size stays.
///
/// # Errors
///
/// EOPNOTSUPP where the filesystem has no holes; EINVAL if `len` is 0. See `FALLOC_FL_PUNCH_HOLE` in fallocate(2).
pub fn punch_hole(file: impl AsFd, offset: u64, len: u64) -> Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, flags, checked(CALL, offset)?, checked(CALL, len)?).named(CALL)
}

const CALL: &str = "fallocate";
