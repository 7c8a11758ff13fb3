//! Builds with a mistake, each of which a trial has to catch: what catches nothing proves nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::breach::Breach;
use super::contents::{self, Content};
use super::load::SIZES;
use super::pieces::SEGMENT_LEN;
use super::{killed, power, seed};
use crate::e2e::{Ground, Report};
use crate::{ci, metadata};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("builds with a mistake");
    let dir = ground.dir.join("broken");
    let seed = seed()?;
    let contents = contents::make(&dir.join("contents"), SIZES, seed)?;
    let program = build()?;
    let broken = Broken { client: ground.program, program: &program, dir: &dir, contents: &contents, seed };
    for kind in power::KINDS {
        let done =
            broken.lose_power(None, kind).with_context(|| format!("{kind}, no mistake, seed {seed}"))?;
        report.ok(&format!(
            "{kind}, no mistake: {} power cuts, and nothing is found (seed {seed})",
            done.point_count
        ));
        for mistake in MISSING_SYNCS {
            let caught = evidence(broken.lose_power(Some(mistake), kind).map(drop))
                .with_context(|| format!("{kind}, {mistake}, seed {seed}"))?;
            report.ok(&format!("{kind}, {mistake}: caught {caught}"));
        }
    }
    let done = broken.kill(None).with_context(|| format!("kills, no mistake, seed {seed}"))?;
    report.ok(&format!("no mistake: {} kills, and nothing is found (seed {seed})", done.kill_count));
    for mistake in WRONG_ORDERS {
        let caught = evidence(broken.kill(Some(mistake)).map(drop))
            .with_context(|| format!("{mistake}, seed {seed}"))?;
        report.ok(&format!("{mistake}: caught {caught}"));
    }
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Broken<'a> {
    client: &'a Path,
    program: &'a Path,
    dir: &'a Path,
    contents: &'a [Content],
    seed: u64,
}

impl Broken<'_> {
    fn lose_power(&self, mistake: Option<&str>, kind: &str) -> Result<power::Done> {
        let serve = || self.serve(mistake);
        let trial = power::Trial {
            client: self.client,
            serve: &serve,
            dir: &self.dir.join("power"),
            contents: self.contents,
            kind,
            sync: "full",
            // A mark comes after each segment; where a kill comes before it, with the next one.
            unmarked_max: SEGMENT_LEN,
            seed: self.seed,
        };
        trial.run(POINT_COUNT)
    }

    fn kill(&self, mistake: Option<&str>) -> Result<killed::Done> {
        let serve = || self.serve(mistake);
        let store = self.dir.join(mistake.unwrap_or("no-mistake"));
        let trial = killed::Trial {
            client: self.client,
            serve: &serve,
            store: &store,
            contents: self.contents,
            seed: self.seed,
        };
        trial.run(KILL_COUNT_MAX)
    }

    fn serve(&self, mistake: Option<&str>) -> Command {
        let mut command = Command::new(self.program);
        command.env_remove(MISTAKE);
        mistake.map(|mistake| command.env(MISTAKE, mistake));
        command
    }
}

/// The program that makes mistakes: an example of the server's, no part of the product, and built as tests are.
fn build() -> Result<PathBuf> {
    let root = crate::root()?;
    let status = Command::new(ci::cargo())
        .args(["build", "--quiet", "--locked", "--package", "aqueduct-server", "--example", "mistaken"])
        .current_dir(&root)
        .status()?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(metadata::target_dir(&root)?.join("debug/examples/mistaken"))
}

/// What was found, where it is what a mistake leads to and no trouble of the trial's own.
fn evidence(outcome: Result<()>) -> Result<String> {
    match outcome {
        Ok(()) => bail!("nobody noticed"),
        Err(error) if error.is::<Breach>() => Ok(format!("{error:#}")),
        Err(error) => Err(error),
    }
}

const MISTAKE: &str = "AQUEDUCT_MISTAKE";

/// What only the device can tell.
const MISSING_SYNCS: [&str; 4] =
    ["skip-data-sync", "skip-directory-sync", "skip-upload-sync", "skip-journal-sync"];

/// What a kill can.
const WRONG_ORDERS: [&str; 2] = ["name-before-bytes", "journal-before-bytes"];

/// Of each kind of point; most mistakes are caught by the first few.
const POINT_COUNT: usize = 12;

/// Many more than it takes. As many show that without a mistake nothing is found.
const KILL_COUNT_MAX: u64 = 60;

#[cfg(test)]
mod tests;
