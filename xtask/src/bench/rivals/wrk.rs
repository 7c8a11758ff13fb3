//! wrk(1): many small requests over many connections, without a pause.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::filler;
use crate::process;

/// What is asked for: each of these targets as often as any other, in an order that has no pattern.
pub(super) struct Wrk {
    script: PathBuf,
}

impl Wrk {
    /// Writes the script down in `dir`.
    pub(super) fn make(dir: &Path, targets: &[String]) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let list = dir.join("targets");
        filler::write_text(&list, &(targets.join("\n") + "\n"))?;
        let script = dir.join("ask.lua");
        let path = list.to_str().context("the target directory's path is not UTF-8")?;
        filler::write_text(&script, &SCRIPT.replace("@TARGETS@", path))?;
        Ok(Self { script })
    }

    pub(super) fn run(&self, address: &str, connection_count: usize, seconds: u32) -> Result<Answered> {
        let mut command = Command::new("wrk");
        command.args(arguments(connection_count, seconds)).arg("--script").arg(&self.script).arg(address);
        let said = process::run(&mut command)?;
        let answered =
            Answered::parse(&said.stdout).with_context(|| format!("wrk printed: {}", said.stdout))?;
        ensure!(!answered.is_failed, "wrk met errors: {}", said.stdout);
        Ok(answered)
    }
}

fn arguments(connection_count: usize, seconds: u32) -> [String; 4] {
    [
        // More would take the server's core, too.
        "--threads=1".to_owned(),
        format!("--connections={connection_count}"),
        format!("--duration={seconds}s"),
        // Some rivals have requests that take long.
        "--timeout=10s".to_owned(),
    ]
}

/// What wrk(1) counted.
#[derive(Debug, PartialEq)]
pub(super) struct Answered {
    pub(super) count: f64,
    pub(super) seconds: f64,
    is_failed: bool,
}

impl Answered {
    /// Reads `  123456 requests in 4.00s, 500.00MB read`, and whether there is a line of errors.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| line.contains(" requests in "))?;
        let (count, rest) = line.trim().split_once(" requests in ")?;
        let (seconds, _) = rest.split_once("s,")?;
        let is_failed = text.contains("Socket errors") || text.contains("Non-2xx");
        Some(Self { count: count.parse().ok()?, seconds: seconds.parse().ok()?, is_failed })
    }
}

/// Every request is made before the first one leaves.
const SCRIPT: &str = r#"local requests = {}
function init(arguments)
    math.randomseed(1)
    for target in io.lines("@TARGETS@") do
        requests[#requests + 1] = wrk.format("GET", target)
    end
end
function request()
    return requests[math.random(#requests)]
end
"#;

#[cfg(test)]
mod tests;
