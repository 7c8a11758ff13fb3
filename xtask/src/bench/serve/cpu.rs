//! How much CPU a server has taken so far.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// A process and its children, which are there as long as it is.
pub(in crate::bench) struct Meter {
    pid: u32,
    tick_hz: f64,
}

impl Meter {
    pub(in crate::bench) fn of(pid: u32) -> Result<Self> {
        let said = process::run(Command::new("getconf").arg("CLK_TCK"))?;
        Ok(Self { pid, tick_hz: said.stdout.trim().parse().context("getconf CLK_TCK")? })
    }

    /// Seconds in user mode and in the kernel, told in hundredths.
    pub(in crate::bench) fn seconds(&self) -> Result<f64> {
        let path = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(&path).context(path)?;
        let mut ticks = 0;
        for pid in [self.pid.to_string().as_str()].into_iter().chain(children.split_whitespace()) {
            let path = format!("/proc/{pid}/stat");
            let stat = fs::read_to_string(&path).context(path)?;
            ticks += parse_ticks(&stat).with_context(|| format!("stat: {stat}"))?;
        }
        Ok(f64::from(ticks) / self.tick_hz)
    }
}

/// Reads utime and stime, the 14th and the 15th field. The second is a name in parentheses, which may hold anything. See
/// proc_pid_stat(5).
fn parse_ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests;
