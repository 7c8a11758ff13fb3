//! posix_fadvise(2).

use std::num::NonZeroU64;
use std::os::fd::AsFd;

pub use rustix::fs::Advice;

use crate::error::Named;
use crate::{Result, checked};

/// Tells the kernel how `len` bytes from `offset` will be used; `None` means to the end of the file.
///
/// # Errors
///
/// ESPIPE for pipes and sockets. See posix_fadvise(2).
pub fn fadvise(file: impl AsFd, offset: u64, len: Option<NonZeroU64>, advice: Advice) -> Result<()> {
    let offset = checked(CALL, offset)?;
    rustix::fs::fadvise(file, offset, len, advice).named(CALL)
}

const CALL: &str = "posix_fadvise";
