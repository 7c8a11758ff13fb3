//! How much memory this process may have.

use aqueduct_sys::{Memory, memory_limit};

use super::cgroup::{self, Limit};
use super::place::Place;
use super::verdict::Verdict;
use crate::text::size;

pub(super) fn look(_: &Place) -> Verdict {
    judge(cgroup::memory_limit().as_ref())
}

pub(super) fn look_locked(_: &Place) -> Verdict {
    Verdict::good(format!("{}; nothing here locks any", limit(memory_limit(Memory::Locked))))
}

pub(super) fn look_addresses(_: &Place) -> Verdict {
    judge_addresses(memory_limit(Memory::Addresses))
}

/// The tightest limit of a control group, if there is one.
pub(super) fn judge(limit: Option<&Limit>) -> Verdict {
    let Some(Limit { len, version }) = limit else { return Verdict::good("no limit by a control group") };
    let found = format!("{} by a control group (v{version})", size(*len));
    let advice = "raise it (MemoryMax=, MemoryHigh=, docker run -m): what is in the page cache counts, so downloads come from the disk";
    match *len {
        len if len < GROUP_MIN => Verdict::action(found, advice),
        len if len < GROUP_GOOD => Verdict::note(found, advice),
        _ => Verdict::good(found),
    }
}

pub(super) fn judge_addresses(len: Option<u64>) -> Verdict {
    let advice = "lift it (ulimit -v unlimited): stacks and mappings take addresses, not memory";
    match len {
        Some(len) if len < ADDRESSES_MIN => Verdict::note(size(len), advice),
        _ => Verdict::good(limit(len)),
    }
}

fn limit(len: Option<u64>) -> String {
    len.map_or_else(|| "no limit".to_owned(), size)
}

/// A server's cache, its database's and its threads come near it.
const GROUP_MIN: u64 = 64 << 20;

/// What is left beside the server's own memory is the page cache of what it serves.
const GROUP_GOOD: u64 = 512 << 20;

/// Threads alone take hundreds of megabytes of addresses.
const ADDRESSES_MIN: u64 = 4 << 30;
