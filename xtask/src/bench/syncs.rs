//! How often a program asks the disk to keep what it was given.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Runs `arguments` under strace(1) and counts every kind of sync. Tracing shifts who waits for whom, so a group may be
/// larger or smaller than without.
pub(super) fn count(arguments: &[String], scratch: &Path) -> Result<u32> {
    let summary = scratch.join("strace");
    let mut strace = Command::new("strace");
    strace
        .args([
            "--follow-forks",
            "--summary-only",
            "--trace=fsync,fdatasync,syncfs,sync,sync_file_range",
            "--output",
        ])
        .arg(&summary)
        .args(arguments);
    process::run(&mut strace)?;
    parse_calls(&std::fs::read_to_string(&summary)?).context("strace printed a table of unknown shape")
}

/// Reads the sum from the last row: share of the time, seconds, microseconds a call, calls, errors if any, "total".
/// Nothing at all is printed when nothing was called.
fn parse_calls(table: &str) -> Option<u32> {
    let Some(last) = table.lines().rfind(|line| !line.trim().is_empty()) else { return Some(0) };
    let words: Vec<&str> = last.split_whitespace().collect();
    match words[..] {
        [_, _, _, calls, "total"] | [_, _, _, calls, _, "total"] => calls.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
