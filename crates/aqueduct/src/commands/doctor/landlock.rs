//! Whether a server can be confined to its store.

use ::landlock::{ABI, LandlockStatus};

use super::place::Place;
use super::verdict::Verdict;
use crate::confine::{in_kernel, version};

pub(super) fn look(_: &Place) -> Verdict {
    match in_kernel() {
        Ok(status) => judge(status),
        Err(error) => {
            Verdict::note(format!("refused: {error}"), "serve without, or let this process confine itself")
        }
    }
}

pub(super) fn judge(status: LandlockStatus) -> Verdict {
    let abi = match status {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled => {
            return Verdict::note("switched off", "add landlock to lsm= on the kernel's command line");
        }
        LandlockStatus::NotImplemented => {
            return Verdict::note("not in this kernel", "use Linux 5.13 or newer");
        }
    };
    let found = format!("version {}", version(abi));
    let advice = "nothing to do, or use Linux 6.12 or newer for all of it";
    let lacks = match abi {
        ABI::V1 | ABI::V2 | ABI::V3 => "and no connections",
        ABI::V4 | ABI::V5 => "and connections, and no signals",
        _ => return Verdict::good(format!("{found}: a server is confined to its store")),
    };
    Verdict::note(format!("{found}: confines files, {lacks}"), advice)
}
