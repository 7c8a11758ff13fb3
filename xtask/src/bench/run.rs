//! One run of one arm.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Seconds that a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taken {
    pub(super) wall: f64,
    /// In user mode and in the kernel, over all threads.
    pub(super) cpu: f64,
}

/// Runs `arguments`, all on one core if `pinned`, and times the process from its start to its end. Rivals and our own
/// arms alike are timed by bash's `time`, which tells milliseconds; time(1) tells hundredths.
pub(super) fn timed(arguments: &[impl AsRef<OsStr>], pinned: Option<usize>) -> Result<Taken> {
    let mut command = Command::new("bash");
    command.args(["-c", TIME, "bash"]);
    if let Some(core) = pinned {
        command.args(["taskset", "--cpu-list", &core.to_string()]);
    }
    command.args(arguments);
    let said = process::run(&mut command)?;
    // A program may have had something to say before.
    parse_time(said.stderr.lines().next_back().unwrap_or_default())
        .with_context(|| format!("these are no times: {}", said.stderr))
}

/// Runs an arm that times itself, and answers what it printed.
pub(super) fn figures(arguments: &[impl AsRef<OsStr>]) -> Result<Figures> {
    let (program, rest) = arguments.split_first().context("an arm is a program")?;
    let said = process::run(Command::new(program).args(rest))?;
    Ok(Figures { line: said.stdout.trim().to_owned() })
}

/// A line of `key=value` pairs.
pub(super) struct Figures {
    line: String,
}

impl Figures {
    pub(super) fn text(&self, key: &str) -> Result<&str> {
        let pairs = self.line.split_whitespace().filter_map(|pair| pair.split_once('='));
        let value = pairs.into_iter().find_map(|(name, value)| (name == key).then_some(value));
        value.with_context(|| format!("no {key} in: {}", self.line))
    }

    pub(super) fn taken(&self) -> Result<Taken> {
        Ok(Taken { wall: self.text("wall_s")?.parse()?, cpu: self.text("cpu_s")?.parse()? })
    }
}

/// Runs every arm in every round; whoever comes first in one comes last in the next.
pub(super) fn alternate<T>(
    arm_count: usize,
    round_count: usize,
    mut measure: impl FnMut(usize, usize) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut taken: Vec<Vec<T>> = (0..arm_count).map(|_| Vec::new()).collect();
    for round in 0..round_count {
        for place in 0..arm_count {
            let arm = if round % 2 == 0 { place } else { arm_count - 1 - place };
            taken[arm].push(measure(arm, round)?);
        }
    }
    Ok(taken)
}

/// Reads what `TIME` prints: the clock on the wall, user mode, the kernel.
pub(super) fn parse_time(line: &str) -> Option<Taken> {
    let mut seconds = line.split(' ').map(|word| word.parse::<f64>().ok());
    let (wall, user, system) = (seconds.next()??, seconds.next()??, seconds.next()??);
    seconds.next().is_none().then_some(Taken { wall, cpu: user + system })
}

const TIME: &str = r#"TIMEFORMAT="%3R %3U %3S"; time "$@""#;

#[cfg(test)]
mod tests;
