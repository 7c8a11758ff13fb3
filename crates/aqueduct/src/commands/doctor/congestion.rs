//! How TCP keeps from sending too fast.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use aqueduct_sys::congestion_control;

use super::place::Place;
use super::verdict::Verdict;

pub(super) fn look(_: &Place) -> Verdict {
    // What a socket says holds in a container, too, whose /proc may not show it.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok();
    let in_use = listener.and_then(|listener| congestion_control(listener).ok());
    let available = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    judge(in_use.as_deref(), &available.unwrap_or_default())
}

/// `available` are names with spaces between them; modules that are not loaded are not among them.
pub(super) fn judge(in_use: Option<&str>, available: &str) -> Verdict {
    let Some(in_use) = in_use else {
        let advice = "raise the limit on descriptors, or let this program open sockets";
        return Verdict::note("unknown: no socket could be opened", advice);
    };
    let others: Vec<_> = available.split_whitespace().filter(|&name| name != in_use).collect();
    let found = match others.is_empty() {
        true => in_use.to_owned(),
        false => format!("{in_use} (also there: {})", others.join(", ")),
    };
    if others.contains(&"bbr") {
        let advice =
            "over long lines that lose packets bbr may be faster: sysctl net.ipv4.tcp_congestion_control=bbr";
        Verdict::note(found, advice)
    } else {
        Verdict::good(found)
    }
}
