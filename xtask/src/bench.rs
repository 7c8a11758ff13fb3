//! `cargo xtask bench`: measures what a document claims, beside its rival, in one run.
//!
//! A machine's speed drifts by more than what is looked for, so arms alternate and are compared round by round; a ratio
//! with its spread is the result, and an absolute time only says where it was measured. See docs/performance.md.

mod figures;
mod hash;
mod lanes;
mod machine;
mod meter;
mod native;
mod publish;
pub(crate) mod rivals;
mod run;
mod stream;
mod syncs;
pub(crate) mod transfer;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::scratch::Scratch;
use crate::{metadata, tools};

/// What `cargo xtask bench` can measure.
#[derive(Clone, Copy)]
pub(crate) enum Workload {
    /// Hashing and verifying, beside `openssl dgst` and `b3sum`.
    Hash,
    /// Publishing small blobs, beside a bare loop of system calls.
    Publish,
    /// The native protocol, beside a bare loop and HTTP.
    Native,
}

impl Workload {
    const ALL: [Self; 3] = [Self::Hash, Self::Publish, Self::Native];
}

/// Runs a workload and prints its figures as Markdown.
pub(crate) fn run(root: &Path, workload: Workload) -> Result<()> {
    let name = workload.measure(root, Extent::Full)?;
    println!("Repeat it with `cargo xtask bench {name}`.");
    Ok(())
}

/// Tries whether every arm runs and prints its figures. How fast is not looked at: a check must not fail because a
/// machine is busy.
pub(crate) fn smoke(root: &Path) -> Result<()> {
    for workload in Workload::ALL {
        let name = workload.measure(root, Extent::Smoke)?;
        println!("Every arm of {name} ran. This was a smoke test: its figures mean nothing.");
    }
    rivals::run(root, &rivals::Options::smoke())
}

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Enough to judge by.
    Full,
    /// Next to nothing.
    Smoke,
}

impl Workload {
    /// Answers its name.
    fn measure(self, root: &Path, extent: Extent) -> Result<&'static str> {
        tools::install(root)?;
        let scratch = Scratch::make(&metadata::target_dir(root)?.join("bench"))?;
        let dir = scratch.dir();
        let program = || build(root, "aqueduct", extent);
        let bench = || build(root, "aqueduct-bench", extent);
        match self {
            Self::Hash => hash::run(&bench()?, dir, extent).map(|()| "hash"),
            Self::Publish => publish::run(&bench()?, dir, extent).map(|()| "publish"),
            Self::Native => native::run(&program()?, &bench()?, dir, extent).map(|()| "native"),
        }
    }
}

/// Builds a program as tests are built, and answers where it is.
pub(crate) fn build_as_tested(root: &Path, package: &str) -> Result<PathBuf> {
    build(root, package, Extent::Smoke)
}

/// Builds a program as it is released, and answers where it is.
pub(crate) fn build_as_released(root: &Path, package: &str) -> Result<PathBuf> {
    build(root, package, Extent::Full)
}

/// Builds a program and answers where it is. For a smoke test as tests are built: then most of it is there already.
fn build(root: &Path, package: &str, extent: Extent) -> Result<PathBuf> {
    let mut command = Command::new(crate::ci::cargo());
    command.args(["build", "--quiet", "--locked", "--package", package]).current_dir(root);
    if extent == Extent::Full {
        command.arg("--release");
    }
    let status = command.status().context("cargo build")?;
    ensure!(status.success(), "cargo build: {status}");
    let profile = if extent == Extent::Full { "release" } else { "debug" };
    Ok(metadata::target_dir(root)?.join(profile).join(package))
}
