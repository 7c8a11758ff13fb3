//! `cargo xtask fuzz`: every target of `fuzz/`, fed for a bounded time with whatever reaches most of its code.
//!
//! The flags are those that cargo-fuzz passes for a run without a sanitizer, which safe code has no need of. They are all
//! stable, so that neither cargo-fuzz nor a nightly compiler has to be installed.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use crate::metadata;
use crate::process;

/// Builds all targets and runs one after the other, each for `seconds`, from its committed corpus and what earlier runs
/// found.
pub(crate) fn run(root: &Path, seconds: Option<&str>) -> Result<()> {
    let seconds = parse_seconds(seconds)?;
    let target_dir = metadata::target_dir(root)?.join("fuzz");
    let triple = host_triple()?;
    build(root, &target_dir, &triple)?;
    for name in target_names(root)? {
        let target = Target {
            program: target_dir.join(&triple).join("release").join(&name),
            corpus: root.join("fuzz/corpus").join(&name),
            found: target_dir.join("found").join(&name),
            failed: target_dir.join("failed").join(&name),
            name,
        };
        target.run(seconds)?;
    }
    Ok(())
}

struct Target {
    name: String,
    program: PathBuf,
    /// Committed, and never written.
    corpus: PathBuf,
    /// What reached something new, in this run or an earlier one.
    found: PathBuf,
    /// What made the target fail.
    failed: PathBuf,
}

impl Target {
    fn run(&self, seconds: NonZeroU32) -> Result<()> {
        ensure!(self.corpus.is_dir(), "{} is missing", self.corpus.display());
        for dir in [&self.found, &self.failed] {
            fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(self.failed.join(""));
        let output = Command::new(&self.program)
            .arg(prefix)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
            .arg(format!("-max_len={INPUT_LEN_MAX}"))
            .arg("-print_final_stats=1")
            // libFuzzer writes new inputs to the first and only reads the others.
            .args([&self.found, &self.corpus])
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.program.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(self.failure(&said));
        }
        let count = after(&said, "stat::number_of_executed_units:").context("libFuzzer counted no runs")?;
        // Without counters it would feed random bytes and notice nothing new.
        ensure!(said.contains("inline 8-bit counters"), "{} was built without coverage counters", self.name);
        println!("{:<16}{count:>10} inputs in {seconds} s", self.name);
        Ok(())
    }

    fn failure(&self, said: &str) -> anyhow::Error {
        // Above the panic stand hundreds of lines about progress.
        let begin =
            ["panicked at", "ERROR: libFuzzer"].iter().filter_map(|it| said.find(it)).min().unwrap_or(0);
        let words = &said[begin..];
        let input = after(said, "Test unit written to ").unwrap_or("the input above");
        let program = self.program.display();
        anyhow!("{} failed:\n{words}\nTo repeat it:\n\n    {program} {input}\n", self.name)
    }
}

/// What follows `begin` on its line.
fn after<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split_once(begin)).map(|(_, rest)| rest.trim())
}

fn build(root: &Path, target_dir: &Path, triple: &str) -> Result<()> {
    let status = Command::new(crate::ci::cargo())
        .args(["build", "--quiet", "--release", "--locked", "--bins", "--manifest-path", "fuzz/Cargo.toml"])
        // Naming even this machine's own target keeps the flags away from build scripts and macros.
        .args(["--target", triple, "--target-dir"])
        .arg(target_dir)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cargo build")?;
    ensure!(status.success(), "building fuzz/ failed");
    Ok(())
}

/// The targets by the names of their sources. One that fuzz/Cargo.toml does not list has no program, which is an error.
fn target_names(root: &Path) -> Result<Vec<String>> {
    let dir = root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    ensure!(!names.is_empty(), "{} is empty", dir.display());
    Ok(names)
}

/// libFuzzer takes 0 for no end.
fn parse_seconds(text: Option<&str>) -> Result<NonZeroU32> {
    let parsed = text.map(str::parse).transpose();
    Ok(parsed.context("cargo xtask fuzz takes a number of seconds for each target")?.unwrap_or(SECONDS))
}

/// This machine's own target.
pub(crate) fn host_triple() -> Result<String> {
    let said = process::run(Command::new("rustc").arg("-vV"))?;
    Ok(after(&said.stdout, "host: ").context("rustc -vV names no host")?.to_owned())
}

/// For each target, of which a change is to be tested by all.
const SECONDS: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");

/// No input takes a tenth of a second; a machine that does much else may.
const INPUT_SECONDS_MAX: u32 = 20;

/// More than the largest limit of a grammar, which is 16 KiB, so that inputs can pass it.
const INPUT_LEN_MAX: usize = 20_000;

const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Folding two branches into one would hide that one of them was taken.
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

#[cfg(test)]
mod tests;
