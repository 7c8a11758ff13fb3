//! `cargo xtask e2e`: the program as it is released, real files, real filesystems, and other programs as witnesses.
//!
//! It takes minutes and much space, so `cargo xtask ci` leaves it out. Nothing here knows how Aqueduct does what it does:
//! it is called as people call it, and what it left on the disk is read by others.

mod agreement;
mod aqueduct;
mod browser;
mod cache;
mod corpus;
mod crash;
mod dashboard;
mod deb;
mod faults;
mod kills;
mod mount;
mod native;
mod page;
pub(crate) mod pictures;
mod readable;
mod round_trip;
mod routes;
mod served;
mod transfer;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::scratch::Scratch;
use crate::{ci, metadata, process, tools};

/// Runs every check, or those of the named parts, and stops at the first that fails. What was written is removed in
/// either case.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<()> {
    let began = Instant::now();
    let parts = chosen(names)?;
    tools::install(root)?;
    tools::install_for_e2e()?;
    let target = metadata::target_dir(root)?;
    let dir = target.join("e2e");
    mount::unmount_all(&dir)?;
    let scratch = Scratch::make(&dir)?;
    let dir = scratch.dir();
    let free = free_bytes(dir)?;
    let needed = parts.iter().map(|part| part.space).max().unwrap_or(0);
    println!("{} GiB are free at {}, {} GiB are needed", free >> 30, dir.display(), needed >> 30);
    ensure!(free >= needed, "make room, or name another place in CARGO_TARGET_DIR");

    build(root)?;
    let ground = Ground { program: &target.join("release/aqueduct"), dir };
    let mut report = Report::default();
    for part in parts {
        (part.check)(&ground, &mut report).with_context(|| format!("{} failed", part.name))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("\nend to end: {} checks passed, 0 failed, in {seconds:.0} s", report.count);
    Ok(())
}

/// Builds the program as it is released.
fn build(root: &Path) -> Result<()> {
    let status = Command::new(ci::cargo())
        .args(["build", "--quiet", "--locked", "--release", "--package", "aqueduct"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(())
}

/// The parts, in the order in which they run.
const PARTS: &[Part] = &[
    Part { name: "round-trip", space: SPACE, check: round_trip::run },
    Part { name: "kills", space: SPACE, check: kills::run },
    Part { name: "killed-server", space: CRASH_SPACE, check: crash::killed::run },
    Part { name: "power", space: CRASH_SPACE, check: crash::power::run },
    Part { name: "broken-builds", space: CRASH_SPACE, check: crash::broken::run },
    Part { name: "routes", space: SPACE, check: routes::run },
    Part { name: "clients", space: SPACE, check: served::clients::run },
    Part { name: "ports", space: SPACE, check: served::ports::run },
    Part { name: "stops", space: SPACE, check: served::stops::run },
    Part { name: "sendfile", space: SPACE, check: served::sendfile::run },
    Part { name: "cut-off", space: SPACE, check: served::cut_off::run },
    Part { name: "memory", space: SPACE, check: served::memory::run },
    Part { name: "many", space: SPACE, check: served::many::run },
    Part { name: "resume", space: SPACE, check: native::resume::run },
    Part { name: "damage", space: SPACE, check: native::damage::run },
    Part { name: "native-sendfile", space: SPACE, check: native::sendfile::run },
    Part { name: "transfer-shapes", space: TRANSFER_SPACE, check: transfer::shapes::run },
    Part { name: "transfer-sparse", space: TRANSFER_SPACE, check: transfer::sparse::run },
    Part { name: "transfer-kills", space: TRANSFER_SPACE, check: transfer::kills::run },
    Part { name: "transfer-damage", space: TRANSFER_SPACE, check: transfer::damage::run },
    Part { name: "transfer-changes", space: TRANSFER_SPACE, check: transfer::changes::run },
    Part { name: "transfer-full", space: TRANSFER_SPACE, check: transfer::full::run },
    Part { name: "transfer-clients", space: TRANSFER_SPACE, check: transfer::clients::run },
    Part { name: "transfer-far", space: TRANSFER_SPACE, check: transfer::far::run },
    Part { name: "cache-bazel", space: CACHE_SPACE, check: cache::bazel },
    Part { name: "cache-ccache", space: CACHE_SPACE, check: cache::ccache },
    Part { name: "cache-crsh", space: CACHE_SPACE, check: cache::crsh },
    Part { name: "cache-sccache", space: CACHE_SPACE, check: cache::sccache },
    Part { name: "cache-moon", space: CACHE_SPACE, check: cache::moon },
    Part { name: "cache-turborepo", space: CACHE_SPACE, check: cache::turborepo },
    Part { name: "cache-nx", space: CACHE_SPACE, check: cache::nx },
    Part { name: "cache-gradle", space: CACHE_SPACE, check: cache::gradle },
    Part { name: "cache-shared", space: CACHE_SPACE, check: cache::shared },
    Part { name: "faults", space: FAULTS_SPACE, check: faults::run },
    Part { name: "page", space: PAGE_SPACE, check: page::run },
    Part { name: "dashboard", space: PAGE_SPACE, check: dashboard::run },
    Part { name: "deb", space: MACHINE_SPACE, check: deb::run },
];

/// Those that run only where they are named: they take too long.
const ON_REQUEST: &[Part] =
    &[Part { name: "vast-transfer", space: TRANSFER_SPACE, check: transfer::sparse::run_vast }];

/// Checks that belong together.
struct Part {
    name: &'static str,
    /// How much must be free for it, in bytes.
    space: u64,
    check: fn(&Ground<'_>, &mut Report) -> Result<()>,
}

/// What every part stands on.
struct Ground<'a> {
    /// The program as it is released.
    program: &'a Path,
    /// Where it may write. Each part removes what it wrote that is large.
    dir: &'a Path,
}

impl Part {
    /// Whether `name` is its own, or the first words of it: all parts of a `transfer`.
    fn is_meant_by(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// All parts where none is named, but for those on request.
fn chosen(names: &[&str]) -> Result<Vec<&'static Part>> {
    let all = || PARTS.iter().chain(ON_REQUEST);
    let known = || all().map(|part| part.name).collect::<Vec<_>>().join(", ");
    for name in names {
        ensure!(all().any(|part| part.is_meant_by(name)), "no part is named {name}; there are {}", known());
    }
    if names.is_empty() {
        return Ok(PARTS.iter().collect());
    }
    Ok(all().filter(|part| names.iter().any(|name| part.is_meant_by(name))).collect())
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

/// Three times the large file, three times the libraries, and the images of filesystems; or four large files in a
/// server's store.
const SPACE: u64 = 25 << 30;

/// Two large files.
const TRANSFER_SPACE: u64 = 5 << 30;

/// A few blobs at a time.
const FAULTS_SPACE: u64 = 1 << 30;

/// Some hundred blobs, and the stores they are in.
const CRASH_SPACE: u64 = 2 << 30;

/// Build systems of which each build has a home of its own, and what they bring along.
const CACHE_SPACE: u64 = 3 << 30;

/// A Debian, and some packages.
const MACHINE_SPACE: u64 = 2 << 30;

/// What a quick bench may take, or a server, and a browser.
const PAGE_SPACE: u64 = 4 << 30;

#[cfg(test)]
mod tests;
