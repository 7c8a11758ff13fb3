//! splice(2).

use std::os::fd::AsFd;

pub use rustix::pipe::SpliceFlags;

use crate::error::Named;
use crate::{Result, checked, clamped};

/// Moves up to `len` bytes from `source` to `target`, one of which must be a pipe.
///
/// An offset belongs to a file; `None` uses the file position, and is the only choice for pipes and sockets. 0 is the
/// end of `source`: of the file, of the stream, or of a pipe without writers. `NONBLOCK` speaks of the pipe alone (and,
/// on Linux, of Unix sockets); `MORE` says that more follows at once.
///
/// # Errors
///
/// EAGAIN without a word which side it was; EINVAL if neither side is a pipe, if `target` is in append mode, or if one
/// side cannot splice; ESPIPE for an offset into a pipe. See splice(2).
pub fn splice(
    source: impl AsFd,
    source_offset: Option<u64>,
    target: impl AsFd,
    target_offset: Option<u64>,
    len: usize,
    flags: SpliceFlags,
) -> Result<usize> {
    let mut source_offset = source_offset.map(|offset| checked(CALL, offset)).transpose()?;
    let mut target_offset = target_offset.map(|offset| checked(CALL, offset)).transpose()?;
    rustix::pipe::splice(source, source_offset.as_mut(), target, target_offset.as_mut(), clamped(len), flags)
        .named(CALL)
}

const CALL: &str = "splice";
