//! Where something was measured.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

use crate::process;

/// Processors that this process may use.
pub(super) fn core_count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The kernel, the processor and the filesystem, as one line.
pub(super) fn describe(dir: &Path) -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    Ok(format!(
        "Linux {}; {}, {} cores; {}",
        release.trim(),
        model(&processors).unwrap_or("unknown processor"),
        core_count(),
        filesystem(dir)?
    ))
}

/// What runs beside this: how many threads wanted a core in the last minute. See proc_loadavg(5).
pub(super) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let minute = text.split(' ').next().context("it is never empty")?;
    minute.parse().with_context(|| format!("/proc/loadavg: {text}"))
}

/// Its name as stat(1) says it.
pub(super) fn filesystem(dir: &Path) -> Result<String> {
    said_by(Command::new("stat").args(["--file-system", "--format=%T"]).arg(dir))
}

/// The first line that a program says of its version. wrk(1) says it and exits as if that were wrong.
pub(super) fn version(program: &str, argument: &str) -> Result<String> {
    let output =
        Command::new(program).arg(argument).stdin(Stdio::null()).output().context(program.to_owned())?;
    Ok(first_line(&String::from_utf8_lossy(&output.stdout)))
}

/// The first line that a program says, on whichever of its outputs: some say their version on standard error.
pub(super) fn said_first(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return "it does not run".to_owned() };
    let said = [output.stdout, output.stderr].concat();
    first_line(&String::from_utf8_lossy(&said))
}

/// Of sockets that are told nothing else, see tcp(7).
pub(super) fn congestion_control() -> Result<String> {
    Ok(fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")?.trim().to_owned())
}

fn said_by(command: &mut Command) -> Result<String> {
    Ok(first_line(&process::run(command)?.stdout))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// On x86; elsewhere /proc/cpuinfo has no such line.
fn model(processors: &str) -> Option<&str> {
    let line = processors.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}
