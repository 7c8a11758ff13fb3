//! Whether a read can say that it would have to wait for the disk. Linux 5.9 and 5.10 may answer 0 instead of bytes
//! (preadv2(2), BUGS).

use std::fs::File;

use aqueduct_sys::{Errno, ReadFlags, preadv2};

use super::Tried;
use crate::uninterrupted;

/// Reads a byte that was just written.
pub(super) fn read_without_waiting(source: &File) -> Tried {
    match uninterrupted(|| preadv2(source, &mut [0], 0, ReadFlags::NOWAIT)) {
        // The page may have been written back and dropped since: that is an answer, too.
        Err(error) if error.errno() == Errno::AGAIN => Tried::Works,
        answer => Tried::of(answer, |len| len == 1),
    }
}
