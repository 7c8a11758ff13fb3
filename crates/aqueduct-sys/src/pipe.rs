//! pipe2(2) and the size of a pipe, fcntl(2).

use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::PipeFlags;

use crate::Result;
use crate::error::Named;

/// Opens a pipe: its read end and its write end, both close-on-exec and blocking.
///
/// Blocking, because `O_NONBLOCK` on one end of a splice(2) between pipes would make the other end non-blocking too.
///
/// # Errors
///
/// EMFILE and ENFILE at the limits on descriptors. See pipe2(2).
pub fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC).named("pipe2")
}

/// The capacity of a pipe in bytes, if every slot (page) of it is full.
///
/// # Errors
///
/// EBADF if `pipe` is not one. See `F_GETPIPE_SZ` in fcntl(2).
pub fn pipe_len(pipe: impl AsFd) -> Result<usize> {
    rustix::pipe::fcntl_getpipe_size(pipe).named("fcntl(F_GETPIPE_SZ)")
}

/// Sets the capacity of a pipe and returns the one the kernel chose, which is at least `len`.
///
/// # Errors
///
/// EPERM above /proc/sys/fs/pipe-max-size, or once the user has too many pages in pipes (pipe(7)): the pipe still
/// works at its old capacity. EBUSY if it holds more than `len` now. See `F_SETPIPE_SZ` in fcntl(2).
pub fn set_pipe_len(pipe: impl AsFd, len: usize) -> Result<usize> {
    rustix::pipe::fcntl_setpipe_size(pipe, len).named("fcntl(F_SETPIPE_SZ)")
}
