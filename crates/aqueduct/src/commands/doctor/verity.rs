//! Whether files could be sealed with fs-verity.

use aqueduct_sys::{Errno, Error, has_verity};

use super::place::Place;
use super::untried::untried;
use super::verdict::Verdict;

pub(super) fn look(place: &Place) -> Verdict {
    match &place.file {
        Ok(file) => judge(has_verity(file)),
        Err(_) => Verdict::untried(),
    }
}

pub(super) fn judge(found: Result<bool, Error>) -> Verdict {
    match found {
        Ok(_) => Verdict::good("available; not used"),
        Err(error) => match error.errno() {
            Errno::NOTTY => Verdict::note("not on this filesystem; not used", ADVICE),
            Errno::OPNOTSUPP => {
                Verdict::note("this filesystem, or the kernel, was made without; not used", ADVICE)
            }
            errno => untried(errno),
        },
    }
}

const ADVICE: &str = "nothing to do: blobs are verified by their digests";
