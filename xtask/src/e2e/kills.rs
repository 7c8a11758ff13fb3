//! `put`, killed at random moments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::aqueduct::{Aqueduct, NONE};
use super::{Ground, Report, agreement, corpus};
use crate::filler::Filler;

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("put, killed");
    let Ground { program, dir } = *ground;
    let large = dir.join("large");
    corpus::write_large(&large)?;
    let mut kills = Kills {
        aqueduct: &Aqueduct::new(program, &dir.join("killed")),
        small: &dir.join("small"),
        points: Filler::new(4),
    };
    kills.while_the_store_is_made(report)?;
    kills.while_bytes_move(&large, report)?;
    fs::remove_dir_all(dir.join("killed"))?;
    fs::remove_file(large)?;
    Ok(())
}

struct Kills<'a> {
    aqueduct: &'a Aqueduct,
    /// A file of other bytes each time.
    small: &'a Path,
    points: Filler,
}

impl Kills<'_> {
    fn while_the_store_is_made(&mut self, report: &mut Report) -> Result<()> {
        let store = self.aqueduct.store().to_owned();
        let whole = self.put_small()?;
        let mut killed = 0;
        for _ in 0..ATTEMPT_COUNT_MAX {
            if killed == KILL_COUNT {
                break;
            }
            fs::remove_dir_all(&store)?;
            let moment = moment(self.points.number(), whole);
            let is_killed = put_until(self.aqueduct, self.small, moment)?;
            killed += u32::from(is_killed);
            self.put_small().with_context(|| format!("after a kill at {moment:?} of {whole:?}"))?;
        }
        ensure!(killed == KILL_COUNT, "of {ATTEMPT_COUNT_MAX} puts only {killed} could be killed");
        report.ok(&format!(
            "{killed} kills while the store was made ({whole:.1?}): each time the next put was fine"
        ));
        Ok(())
    }

    fn while_bytes_move(&mut self, large: &Path, report: &mut Report) -> Result<()> {
        let (digest, whole) = self.put(large)?;
        self.empty()?;
        let clean = files_in(self.aqueduct.store())?;
        let (mut killed, mut published) = (0, 0);
        for _ in 0..ATTEMPT_COUNT_MAX {
            if killed == KILL_COUNT {
                break;
            }
            let moment = moment(self.points.number(), whole);
            if put_until(self.aqueduct, large, moment)? {
                killed += 1;
                published += u32::from(
                    self.look_after(&digest, &clean)
                        .with_context(|| format!("after a kill at {moment:?} of {whole:?}"))?,
                );
            }
            self.empty()?;
        }
        ensure!(killed == KILL_COUNT, "of {ATTEMPT_COUNT_MAX} puts only {killed} could be killed");
        report.ok(&format!(
            "{killed} kills while {} bytes moved ({whole:.1?}): {} times no blob, {published} times the whole blob, \
             never a stray file, and each time the next put was fine",
            fs::metadata(large)?.len(),
            killed - published
        ));
        ensure!(self.put(large)?.0 == digest, "another name for the same bytes");
        self.aqueduct.call("verify", NONE)?.success().context("verify")?;
        report.ok("after all kills the same file went in, and verify passed");
        Ok(())
    }

    /// Whether the blob is visible after all, which it may be once it is whole.
    fn look_after(&mut self, digest: &str, clean: &BTreeSet<PathBuf>) -> Result<bool> {
        let is_there = self.aqueduct.has(digest)?;
        let listed = self.aqueduct.list()?;
        if is_there {
            ensure!(listed.len() == 1 && listed[0].digest == digest, "ls: {listed:?}");
            self.aqueduct.call("verify", [digest])?.success().context("verify")?;
        } else {
            ensure!(listed.is_empty(), "ls: {listed:?}");
            let files = files_in(self.aqueduct.store())?;
            ensure!(files == *clean, "stray files: {:?}", files.difference(clean).collect::<Vec<_>>());
        }
        self.put_small()?;
        Ok(is_there)
    }

    /// Puts a new small file, and answers how long that took.
    fn put_small(&mut self) -> Result<Duration> {
        Filler::new(self.points.number()).write_file(self.small, SMALL_SIZE)?;
        let (_, whole) = self.put(self.small)?;
        Ok(whole)
    }

    /// Puts a file and holds its name against sha256sum(1), for the file and for the blob. Answers how long the put took.
    fn put(&self, file: &Path) -> Result<(String, Duration)> {
        let began = Instant::now();
        let json = self.aqueduct.call("put", [file])?.success().context("put")?.json()?;
        let whole = began.elapsed();
        let digest = json["files"][0]["digest"].as_str().context("put: no digest")?;
        let blob = self.aqueduct.path_of(digest)?;
        let sums = agreement::sha256sums(&[file.to_owned(), blob])?;
        ensure!(sums.values().all(|sum| sum == digest), "{digest}: {sums:?}");
        Ok((digest.to_owned(), whole))
    }

    fn empty(&self) -> Result<()> {
        let listed = self.aqueduct.list()?;
        if listed.is_empty() {
            return Ok(());
        }
        self.aqueduct.remove(listed.iter().map(|blob| blob.digest.as_str()))
    }
}

/// Starts a put and kills it when its time is up. Answers whether that came before its end.
fn put_until(aqueduct: &Aqueduct, file: &Path, moment: Duration) -> Result<bool> {
    // --foreground: without it timeout(1) kills itself too, and does not wait until the other one is gone.
    let status = Command::new("timeout")
        .args(["--foreground", "--signal=KILL", &format!("{:.4}", moment.as_secs_f64())])
        .arg(aqueduct.program())
        .arg("put")
        .arg(file)
        .arg("--store")
        .arg(aqueduct.store())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("timeout")?;
    match status.code() {
        Some(0 | ENDED_MEANWHILE) => Ok(false),
        Some(KILLED) => Ok(true),
        _ => anyhow::bail!("put: {status}"),
    }
}

/// Every file below `dir`, by its path from there.
pub(super) fn files_in(dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at).with_context(|| at.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            } else {
                files.insert(entry.path().strip_prefix(dir)?.to_owned());
            }
        }
    }
    Ok(files)
}

/// A moment before `whole` has passed, chosen by a random number; never 0, by which timeout(1) means "never".
pub(super) fn moment(random: u64, whole: Duration) -> Duration {
    let thousandths = u32::try_from(random % 1000).expect("a remainder below 1000") + 1;
    whole * thousandths / 1000
}

const KILL_COUNT: u32 = 20;

/// Some come too late: no put takes as long as the one before.
const ATTEMPT_COUNT_MAX: u32 = 4 * KILL_COUNT;

/// What timeout(1) answers after SIGKILL.
const KILLED: i32 = 128 + 9;

/// What it answers where the time was up, and the program had ended by itself before the signal came.
const ENDED_MEANWHILE: i32 = 124;

const SMALL_SIZE: u64 = 10_001;

#[cfg(test)]
mod tests;
