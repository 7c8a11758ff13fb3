//! What is on its way inside the kernel, see proc_net_tcp in proc_pid_net(5).

use std::fs;

use anyhow::{Context, Result};

/// How many bytes the sockets of these ports hold that nobody has read, or that have not left.
pub(super) fn held(ports: &[u16]) -> Result<u64> {
    let table = fs::read_to_string("/proc/net/tcp")?;
    parse_held(&table, ports).with_context(|| format!("/proc/net/tcp: {table}"))
}

/// Adds up `tx_queue:rx_queue` of the lines with such a port on either side.
fn parse_held(table: &str, ports: &[u16]) -> Option<u64> {
    let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
    let is_ours = |address: &str| {
        let port = hex(address.split_once(':')?.1)?;
        Some(ports.iter().any(|ours| u64::from(*ours) == port))
    };
    let mut held = 0;
    for line in table.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, queues, ..] = words[..] else { return None };
        if state != LISTENING && (is_ours(local)? || is_ours(remote)?) {
            let (unsent, unread) = queues.split_once(':')?;
            held += hex(unsent)? + hex(unread)?;
        }
    }
    Some(held)
}

/// Its queues count connections.
const LISTENING: &str = "0A";

#[cfg(test)]
mod tests;
