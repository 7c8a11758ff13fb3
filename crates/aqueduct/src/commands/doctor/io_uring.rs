//! Whether this process may have a ring, and send by it without a copy. Only the bench does: it is worth knowing for
//! whoever compares.

use std::fs;

use aqueduct_sys::{Errno, Error, SendRing};

use super::place::{Place, reason};
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    let switch = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
    judge(SendRing::open(1).map(drop), switch.as_deref().map(str::trim))
}

/// `switch` is the value of `kernel.io_uring_disabled`: 0 lets everybody, 1 a group, 2 nobody.
pub(super) fn judge(opened: Result<(), Error>, switch: Option<&str>) -> Verdict {
    match (opened, switch) {
        (Ok(()), _) => Verdict::good("allowed, with SEND_ZC; not used"),
        (Err(error), Some(switch @ ("1" | "2"))) if error.errno() == Errno::PERM => {
            Verdict::note(format!("forbidden by kernel.io_uring_disabled={switch}; not used"), ADVICE)
        }
        (Err(error), _) if error.errno() == Errno::PERM => {
            Verdict::note("forbidden, by a container's filter perhaps; not used", ADVICE)
        }
        (Err(error), _) => Verdict::note(format!("not here: {}; not used", reason(error)), ADVICE),
    }
}

const ADVICE: &str = "nothing to do: no blob goes through a ring";
