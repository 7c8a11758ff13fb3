//! io_uring_setup(2).

use std::os::fd::OwnedFd;

use rustix::io_uring::{io_uring_params, io_uring_setup};

use crate::Result;
use crate::error::Named;

/// Opens a ring of at least `entry_count` entries, gone with its descriptor.
///
/// # Errors
///
/// EPERM where /proc/sys/kernel/io_uring_disabled or a filter (seccomp(2)) forbids it; ENOSYS where the kernel was made
/// without; ENOMEM at `RLIMIT_MEMLOCK` before Linux 5.12. See io_uring_setup(2).
pub fn open_ring(entry_count: u32) -> Result<OwnedFd> {
    let mut parameters = io_uring_params::default();
    // SAFETY: rustix asks that `wq_fd` be an open descriptor if ATTACH_WQ is set: no flag is set.
    unsafe { io_uring_setup(entry_count, &mut parameters) }.named("io_uring_setup")
}
