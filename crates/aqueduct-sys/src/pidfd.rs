//! pidfd_open(2).

use std::os::fd::OwnedFd;
use std::process::Child;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::Result;
use crate::error::Named;

/// A descriptor that is readable once `child` has ended, so that it can be waited for together with something else, or not for
/// ever.
///
/// # Errors
///
/// ENOSYS before Linux 5.3, EMFILE where there are no descriptors left. See pidfd_open(2).
pub fn pidfd(child: &Child) -> Result<OwnedFd> {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).named("pidfd_open")
}
