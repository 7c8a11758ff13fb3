//! Which way bytes take on which filesystem, and what space that takes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::aqueduct::Aqueduct;
use super::mount::Mounted;
use super::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::process;

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("routes");
    let Ground { program, dir } = *ground;
    for filesystem in FILESYSTEMS {
        let mounted = Mounted::make(filesystem.kind, dir)?;
        check(program, filesystem, mounted.dir(), report).context(filesystem.kind)?;
    }
    Ok(())
}

struct Filesystem {
    kind: &'static str,
    route: &'static str,
    /// Whether a copy shares the blocks of what it was copied from.
    is_sharing: bool,
}

const FILESYSTEMS: &[Filesystem] = &[
    Filesystem { kind: "ext4", route: "copy_file_range", is_sharing: false },
    Filesystem { kind: "xfs", route: "reflink", is_sharing: true },
    Filesystem { kind: "btrfs", route: "reflink", is_sharing: true },
];

fn check(program: &Path, filesystem: &Filesystem, dir: &Path, report: &mut Report) -> Result<()> {
    let Filesystem { kind, route, is_sharing } = filesystem;
    let aqueduct = Aqueduct::new(program, &dir.join("store"));
    let (small, file, copy) = (dir.join("small"), dir.join("file"), dir.join("copy"));
    // The store itself takes space too: it is made before anything is weighed.
    Filler::new(5).write_file(&small, 1)?;
    aqueduct.call("put", [&small])?.success().context("put")?;
    Filler::new(6).write_file(&file, SIZE)?;

    let before = taken(dir)?;
    let json = aqueduct.call("put", [&file])?.success().context("put")?.json()?;
    let digest = json["files"][0]["digest"].as_str().context("put: no digest")?;
    ensure!(is_carried_by(&json["carried"], route), "put: carried by {}", json["carried"]);
    let put = taken(dir)?.saturating_sub(before);

    let copy_text = copy.to_str().context("the target directory's path is not UTF-8")?;
    let before = taken(dir)?;
    let json = aqueduct.call("get", [digest, "--output", copy_text])?.success().context("get")?.json()?;
    ensure!(is_carried_by(&json["files"][0]["carried"], route), "get: {json}");
    let get = taken(dir)?.saturating_sub(before);

    for (what, taken) in [("put", put), ("get", get)] {
        let is_shared = taken <= SHARED_TAKEN_MAX;
        ensure!(is_shared == *is_sharing, "{what} of {SIZE} bytes took {taken} bytes");
    }
    let sums = agreement::sha256sums(&[file.clone(), copy.clone(), aqueduct.path_of(digest)?])?;
    ensure!(sums.values().all(|sum| sum == digest), "{digest}: {sums:?}");
    agreement::same_bytes(&file, &copy)?;
    report.ok(&format!(
        "{kind}: put and get of {} MiB report {route}, take {} and {} KiB, and sha256sum agrees",
        SIZE >> 20,
        put >> 10,
        get >> 10
    ));
    Ok(())
}

/// Whether this route carried bytes and no other did. Holes are carried by none.
fn is_carried_by(carried: &Value, route: &str) -> bool {
    carried.as_object().is_some_and(|carried| {
        carried.contains_key(route) && carried.keys().all(|name| name == route || name == "holes")
    })
}

/// Bytes in use on the filesystem of `dir`, once everything has arrived.
fn taken(dir: &Path) -> Result<u64> {
    process::settle(dir)?;
    let said = process::run(Command::new("stat").args(["--file-system", "--format=%b %f %S"]).arg(dir))?;
    parse_taken(&said.stdout).with_context(|| format!("stat: {}", said.stdout))
}

/// Reads the count of blocks, of free ones, and their size.
fn parse_taken(line: &str) -> Option<u64> {
    let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [blocks, free, size] = numbers[..] else { return None };
    Some(blocks.checked_sub(free)? * size)
}

/// Many times what a filesystem needs to describe it, and not in whole blocks.
const SIZE: u64 = (256 << 20) + 7;

/// What describes a shared copy, and the store's own notes.
const SHARED_TAKEN_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests;
