//! `cargo xtask ci`: every check in order, each with its time, stopping at the first that fails.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::tools;

/// What runs before the tests, the quick before the slow. Words are parted by white space alone.
const CHECKS: &[(&str, &str)] = &[
    ("tidy", "cargo xtask tidy"),
    ("format", "cargo fmt --all --check"),
    ("tools", "cargo xtask tools"),
    ("dependencies", "cargo-deny --locked check licenses bans sources"),
    ("lint", "cargo clippy --workspace --all-targets --locked -- -D warnings"),
    ("docs", "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked"),
];

const TESTS: &str = "cargo test --workspace --locked";

const FUZZ: &str = "cargo xtask fuzz";

/// After the tests, which have built most of it.
const COST: &str = "cargo xtask cost";

/// With the program as the tests built it.
const SOAK: &str = "cargo xtask soak --minutes 1";

/// After the tests, too.
const BENCH: &str = "cargo xtask bench --smoke";

/// Installs what is missing and runs everything. The last line of a green run counts the tests.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut report = Report::default();
    let deny = tools::deny(root)?;
    for (name, text) in CHECKS {
        let line = Line::new(text, &deny);
        report.time(name, &line.to_string(), || line.run(root))?;
    }
    let passed_count = report.time("test", TESTS, || Line::new(TESTS, &deny).run_tests(root))?;
    report.time("fuzz", FUZZ, || Line::new(FUZZ, &deny).run(root))?;
    report.time("cost", COST, || Line::new(COST, &deny).run(root))?;
    report.time("soak", SOAK, || Line::new(SOAK, &deny).run(root))?;
    report.time("bench", BENCH, || Line::new(BENCH, &deny).run(root))?;
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

/// A command as a person would type it: assignments to the environment, a program, its arguments.
struct Line<'a> {
    environment: Vec<(&'a str, &'a str)>,
    program: OsString,
    words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str, deny: &Path) -> Self {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let assignment_count = words.iter().take_while(|word| word.contains('=')).count();
        let environment = words.drain(..assignment_count).filter_map(|word| word.split_once('=')).collect();
        let program = match words.remove(0) {
            "cargo" => cargo(),
            "cargo-deny" => deny.into(),
            other => other.into(),
        };
        Self { environment, program, words }
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).envs(self.environment.iter().copied());
        command.current_dir(root).stdin(Stdio::null());
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

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(formatter, "{name}={value} ")?;
        }
        // The toolchain's own path would only repeat what `cargo` means.
        let program = if self.program == cargo() { "cargo".into() } else { self.program.to_string_lossy() };
        write!(formatter, "{program} {}", self.words.join(" "))
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
