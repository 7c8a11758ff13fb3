//! `cargo xtask ci`: every check in order, each with its time, stopping at the first that fails.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{tidy, tools};

/// Installs what is missing and runs everything. The last line of a green run counts the tests.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut report = Report::default();
    let tools = report.time("tools", "cargo xtask tools", || tools::install(root))?;
    report.time("tidy", "cargo xtask tidy", || tidy::run(root))?;

    let cargo = cargo();
    let mut check = |name, program: &OsStr, arguments, environment| {
        let line = Line { environment, program: program.to_owned(), arguments };
        report.time(name, &line.to_string(), || line.run(root))
    };
    check("format", &cargo, &["fmt", "--all", "--check"], None)?;
    check(
        "dependencies",
        tools.deny.as_os_str(),
        &["--locked", "check", "licenses", "bans", "sources"],
        None,
    )?;
    check(
        "lint",
        &cargo,
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        None,
    )?;
    check(
        "docs",
        &cargo,
        &["doc", "--workspace", "--no-deps", "--locked"],
        Some(("RUSTDOCFLAGS", "-D warnings")),
    )?;

    let tests = Line { environment: None, program: cargo, arguments: &["test", "--workspace", "--locked"] };
    let passed_count = report.time("test", &tests.to_string(), || tests.run_tests(root))?;
    report.print();
    println!("{passed_count} passed, 0 failed");
    Ok(())
}

/// The cargo that runs this program, so that a toolchain chosen with `+` holds for every check.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// How long each check took.
#[derive(Default)]
struct Report {
    times: Vec<(&'static str, Duration)>,
}

impl Report {
    /// Runs one check under its heading. A failure names the command that repeats it.
    fn time<T>(&mut self, name: &'static str, command: &str, check: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}: {command}");
        let begin = Instant::now();
        let repeat = |error| anyhow!("{name} failed: {error:#}\n\nTo repeat it:\n\n    {command}\n");
        let outcome = check().map_err(repeat)?;
        let time = begin.elapsed();
        println!("== {name}: ok in {:.1} s", time.as_secs_f64());
        self.times.push((name, time));
        Ok(outcome)
    }

    fn print(&self) {
        println!();
        for (name, time) in &self.times {
            println!("{name:<14}{:>8.1} s", time.as_secs_f64());
        }
        let total: Duration = self.times.iter().map(|(_, time)| *time).sum();
        println!("{:<14}{:>8.1} s", "total", total.as_secs_f64());
    }
}

/// A command as a person would type it.
struct Line {
    environment: Option<(&'static str, &'static str)>,
    program: OsString,
    arguments: &'static [&'static str],
}

impl Line {
    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments).envs(self.environment).current_dir(root).stdin(Stdio::null());
        command
    }

    fn run(&self, root: &Path) -> Result<()> {
        let status = self.command(root).status()?;
        ensure!(status.success(), "{status}");
        Ok(())
    }

    /// Returns how many tests passed, over all test binaries.
    fn run_tests(&self, root: &Path) -> Result<u64> {
        let mut child = self.command(root).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the child's output was piped")?;
        let passed_count = relay_tests(BufReader::new(output), &mut std::io::stdout())?;
        let status = child.wait()?;
        ensure!(status.success(), "{status}");
        ensure!(passed_count > 0, "no test was run");
        Ok(passed_count)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, value)) = self.environment {
            write!(formatter, "{name}='{value}' ")?;
        }
        // The toolchain's own path would only repeat what `cargo` means.
        let program = if self.program == cargo() { "cargo".into() } else { self.program.to_string_lossy() };
        write!(formatter, "{program} {}", self.arguments.join(" "))
    }
}

/// Shows the output of tests as it comes, and adds up what each binary counted as passed.
fn relay_tests(output: impl BufRead, terminal: &mut impl Write) -> Result<u64> {
    let mut passed_count = 0;
    for line in output.split(b'\n') {
        let line = line?;
        terminal.write_all(&line)?;
        terminal.write_all(b"\n")?;
        passed_count += parse_passed(&String::from_utf8_lossy(&line)).unwrap_or(0);
    }
    Ok(passed_count)
}

/// Reads the count from libtest's closing line, "test result: ok. 12 passed; 0 failed; ...".
fn parse_passed(line: &str) -> Option<u64> {
    let counts = line.strip_prefix("test result: ")?;
    let (before, _) = counts.split_once(" passed;")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
