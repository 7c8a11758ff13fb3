//! sendfile(2).

use std::os::fd::AsFd;

use crate::error::Named;
use crate::{Result, checked, clamped};

/// Sends up to `len` bytes of the file `source` from `offset` to `target`, by reference to the page cache where
/// `target` allows it. The position of `source` is not used; that of `target`, if it is a file, is used and moved.
///
/// A short count has no meaning of its own: the target filled, a signal came, or the kernel stopped early. 0 means that
/// `source` has nothing at `offset`. Waits for cold pages even if both descriptors are non-blocking.
///
/// # Errors
///
/// EAGAIN from a full non-blocking target; EINVAL if `source` cannot be mapped or `target` is in append mode; EPIPE with
/// SIGPIPE unless the process ignores it. See sendfile(2).
pub fn sendfile(target: impl AsFd, source: impl AsFd, offset: u64, len: usize) -> Result<usize> {
    let mut offset = checked(CALL, offset)?;
    rustix::fs::sendfile(target, source, Some(&mut offset), clamped(len)).named(CALL)
}

const CALL: &str = "sendfile";
