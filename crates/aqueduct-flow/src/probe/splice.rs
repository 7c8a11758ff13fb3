//! Whether a file takes what is in a pipe: half of the way from a socket into a file.

use std::fs::File;
use std::os::fd::AsFd;

use aqueduct_sys::{Result, SpliceFlags, pipe, splice, write};

use super::{BYTE, Tried};
use crate::uninterrupted;

pub(super) fn spliced_into(target: &File) -> Tried {
    Tried::of(pour(target), |len| len == 1)
}

fn pour(target: &File) -> Result<usize> {
    let (read_end, write_end) = pipe()?;
    uninterrupted(|| write(&write_end, &[BYTE]))?;
    uninterrupted(|| splice(read_end.as_fd(), None, target, Some(0), 1, SpliceFlags::empty()))
}
