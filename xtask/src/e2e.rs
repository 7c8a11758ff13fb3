//! `cargo xtask e2e`: the program as it is released, real files, real filesystems, and other programs as witnesses.
//!
//! It takes minutes and much space, so `cargo xtask ci` leaves it out. Nothing here knows how Aqueduct does what it does:
//! it is called as people call it, and what it left on the disk is read by others.

mod agreement;
mod aqueduct;
mod corpus;
mod kills;
mod mount;
mod round_trip;
mod routes;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::scratch::Scratch;
use crate::{ci, metadata, process, tools};
use aqueduct::Aqueduct;

/// Runs every check, and stops at the first that fails. What was written is removed in either case.
pub(crate) fn run(root: &Path) -> Result<()> {
    let began = Instant::now();
    tools::install(root)?;
    tools::install_for_e2e()?;
    let target = metadata::target_dir(root)?;
    let dir = target.join("e2e");
    mount::unmount_all(&dir)?;
    let scratch = Scratch::make(&dir)?;
    let dir = scratch.dir();
    let free = free_bytes(dir)?;
    println!("{} GiB are free at {}, {} GiB are needed", free >> 30, dir.display(), SPACE_NEEDED >> 30);
    ensure!(free >= SPACE_NEEDED, "make room, or name another place in CARGO_TARGET_DIR");

    let status = Command::new(ci::cargo())
        .args(["build", "--quiet", "--locked", "--release", "--package", "aqueduct"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "cargo build: {status}");
    let program = target.join("release/aqueduct");

    let mut report = Report::default();
    let large = round_trip::run(&Aqueduct::new(&program, &dir.join("store")), dir, &mut report)?;
    kills::run(&program, &large, dir, &mut report)?;
    routes::run(&program, dir, &mut report)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("\nend to end: {} checks passed, 0 failed, in {seconds:.0} s", report.count);
    Ok(())
}

/// What was checked, as it goes.
#[derive(Default)]
struct Report {
    count: u32,
}

impl Report {
    fn heading(text: &str) {
        println!("\n== {text}");
    }

    /// Something held.
    fn ok(&mut self, text: &str) {
        self.count += 1;
        println!("ok  {text}");
    }
}

fn free_bytes(dir: &Path) -> Result<u64> {
    let said = process::run(Command::new("stat").args(["--file-system", "--format=%a %S"]).arg(dir))?;
    let mut numbers = said.stdout.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(blocks)), Some(Ok(size))) = (numbers.next(), numbers.next()) else {
        return Err(anyhow::anyhow!("{}", said.stdout)).context("stat --file-system");
    };
    Ok(blocks * size)
}

/// Three times the large file, three times the libraries, and the images of filesystems.
const SPACE_NEEDED: u64 = 25 << 30;
