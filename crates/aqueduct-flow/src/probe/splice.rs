//! Whether a file takes what is in a pipe: half of the way from a socket into a file.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use aqueduct_sys::{Result, SpliceFlags, pipe, splice, write};

use super::{BYTE, Tried};
use crate::uninterrupted;

pub(super) fn spliced_into(target: &File) -> Tried {
    let source = match filled_pipe() {
        Ok(source) => source,
        Err(error) => return Tried::Untried(error.errno()),
    };
    let spliced = uninterrupted(|| splice(source.as_fd(), None, target, Some(0), 1, SpliceFlags::empty()));
    Tried::of(spliced, |len| len == 1)
}

/// The end to read from of a pipe with a byte in it.
fn filled_pipe() -> Result<OwnedFd> {
    let (read_end, write_end) = pipe()?;
    uninterrupted(|| write(&write_end, &[BYTE]))?;
    Ok(read_end)
}
