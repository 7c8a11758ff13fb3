//! How many files and connections a process may have open.

use aqueduct_sys::{DescriptorLimit, descriptor_limit};

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    judge(descriptor_limit())
}

/// A server raises its soft limit to the hard one, so that one counts.
pub(super) fn judge(limit: DescriptorLimit) -> Verdict {
    let shown = |limit: Option<u64>| limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    let found = format!("{}, and up to {} for a server", shown(limit.soft), shown(limit.hard));
    let advice = "raise the hard limit: LimitNOFILE= in a systemd unit, nofile in limits.conf(5)";
    match limit.hard {
        Some(hard) if hard < HARD_MIN => Verdict::action(found, advice),
        Some(hard) if hard < HARD_GOOD => Verdict::note(found, advice),
        _ => Verdict::good(found),
    }
}

/// Less leaves next to nothing for connections, beside what the server needs itself.
const HARD_MIN: u64 = 1024;

/// Enough for thousands of connections.
const HARD_GOOD: u64 = 16 << 10;
