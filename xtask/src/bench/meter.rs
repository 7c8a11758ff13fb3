//! How much CPU and memory a server has taken so far.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// A process and its children, which are there as long as it is.
pub(super) struct Meter {
    pid: u32,
    tick_hz: f64,
}

impl Meter {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let said = process::run(Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self { pid, tick_hz: said.stdout.trim().parse().context("getconf CLK_TCK")? })
    }

    /// Seconds in user mode and in the kernel, told in hundredths.
    pub(super) fn seconds(&self) -> Result<f64> {
        let ticks = self.sum("stat", parse_ticks)?;
        #[expect(clippy::cast_precision_loss, reason = "2^53 hundredths of a second are three million years")]
        Ok(ticks as f64 / self.tick_hz)
    }

    /// Resident memory, in bytes. What processes share counts for each of them.
    pub(super) fn resident(&self) -> Result<u64> {
        Ok(self.sum("status", parse_resident_kib)? << 10)
    }

    /// Of what a file below /proc says of each process.
    fn sum(&self, file: &str, parse: fn(&str) -> Option<u64>) -> Result<u64> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(&path).context(path)?;
        let mut sum = 0;
        for pid in [self.pid.to_string().as_str()].into_iter().chain(children.split_whitespace()) {
            let path = format!("/proc/{pid}/{file}");
            let text = fs::read_to_string(&path).context(path)?;
            sum += parse(&text).with_context(|| format!("{file}: {text}"))?;
        }
        Ok(sum)
    }
}

/// Reads utime and stime, the 14th and the 15th field. The second is a name in parentheses, which may hold anything. See
/// proc_pid_stat(5).
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    user.checked_add(system)
}

/// Reads `VmRSS:     1234 kB`, see proc_pid_status(5).
fn parse_resident_kib(status: &str) -> Option<u64> {
    let mut values = status.lines().filter_map(|line| line.strip_prefix("VmRSS:"));
    values.next()?.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests;
