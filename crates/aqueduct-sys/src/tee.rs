//! tee(2).

use std::os::fd::AsFd;

use rustix::pipe::SpliceFlags;

use crate::error::Named;
use crate::{Result, clamped};

/// Duplicates up to `len` bytes of one pipe into another by reference; those of `source` stay in it. 0 is the end of
/// `source`: it is empty and has no writer.
///
/// # Errors
///
/// EINVAL if either is no pipe, or both are the same. See tee(2).
pub fn tee(source: impl AsFd, target: impl AsFd, len: usize) -> Result<usize> {
    rustix::pipe::tee(source, target, clamped(len), SpliceFlags::empty()).named("tee")
}
