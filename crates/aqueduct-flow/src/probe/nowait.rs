//! Whether a read can say that it would have to wait for the disk. Linux 5.9 and 5.10 may answer 0 instead of bytes
//! (preadv2(2), BUGS).

use std::fs::File;

use aqueduct_sys::{Errno, ReadFlags, Result, pread, preadv2};

use super::Tried;
use crate::uninterrupted;

/// Reads a byte that was just written.
pub(super) fn read_without_waiting(source: &File) -> Tried {
    let ask = || uninterrupted(|| preadv2(source, &mut [0], 0, ReadFlags::NOWAIT));
    told(ask, || uninterrupted(|| pread(source, &mut [0], 0)))
}

/// Asks for a byte, and once more after it was read if it was not in memory: the page may have been written back and
/// dropped in between. Who does not find it even then cannot tell.
pub(super) fn told(ask: impl Fn() -> Result<usize>, read: impl FnOnce() -> Result<usize>) -> Tried {
    let would_wait = |answer: &Result<usize>| answer.is_err_and(|error| error.errno() == Errno::AGAIN);
    let mut answer = ask();
    if would_wait(&answer) {
        if let Err(error) = read() {
            return Tried::Untried(error.errno());
        }
        answer = ask();
    }
    if would_wait(&answer) { Tried::Refused(Errno::AGAIN) } else { Tried::of(answer, |len| len == 1) }
}
