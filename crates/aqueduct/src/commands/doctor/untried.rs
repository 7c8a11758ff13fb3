//! What could not be tried, and what to do so that it can be.

use std::io;

use aqueduct_sys::Errno;

use super::verdict::Verdict;

/// Something that was in the way of trying, and says nothing of what was to be tried.
pub(super) fn untried(errno: Errno) -> Verdict {
    Verdict::note(format!("not tried: {}", io::Error::from(errno)), remedy(errno))
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::MFILE | Errno::NFILE => "raise the limit on descriptors, and ask again",
        Errno::NOSPC | Errno::DQUOT => "free some space, and ask again",
        Errno::NOMEM | Errno::NOBUFS => "free some memory, or raise its limit, and ask again",
        Errno::TIMEDOUT | Errno::CONNREFUSED | Errno::ADDRNOTAVAIL | Errno::NETUNREACH => {
            "let this machine connect to itself: see its firewall, and whether loopback is up"
        }
        Errno::AGAIN => "this machine is busy: ask again",
        _ => "ask again; if it stays so, see the kernel's log",
    }
}
