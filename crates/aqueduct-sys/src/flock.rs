//! flock(2).

use std::os::fd::AsFd;

use rustix::fs::FlockOperation;

use crate::Errno;
use crate::error::{Error, Result};

/// Who holds the lock now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Lock {
    /// We do, until the last descriptor of this open file is closed.
    Acquired,
    /// Another open file description does, of this process or another.
    Taken,
}

/// Takes the exclusive advisory lock of `file` if nobody holds one; never waits.
///
/// # Errors
///
/// ENOLCK when the kernel is out of memory for locks. See flock(2).
pub fn try_lock_exclusive(file: impl AsFd) -> Result<Lock> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock::Acquired),
        Err(Errno::WOULDBLOCK) => Ok(Lock::Taken),
        Err(errno) => Err(Error::new("flock", errno)),
    }
}
