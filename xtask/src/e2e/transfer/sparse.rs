//! A file that is mostly holes.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use anyhow::{Result, ensure};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::end::Place;
use crate::e2e::{Ground, Report};
use crate::filler::Filler;
use crate::process;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer of a sparse file");
    copy(ground, report, SIZE)
}

/// The same with as much as a whole disk. Even nothing takes a while to be hashed, if there is so much of it.
pub(in crate::e2e) fn run_vast(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("a transfer of a sparse file of 1 TiB");
    copy(ground, report, VAST_SIZE)
}

fn copy(ground: &Ground<'_>, report: &mut Report, size: u64) -> Result<()> {
    let place = Place::make(ground.program, ground.dir, "sparse")?;
    let (source, target) = (place.dir.join("source"), place.dir.join("target"));
    let file = File::create(&source)?;
    file.set_len(size)?;
    let mut points = Filler::new(79);
    for _ in 0..PIECE_COUNT {
        let mut piece = vec![0; PIECE_LEN];
        points.fill(&mut piece);
        file.write_all_at(&piece, points.number() % (size - PIECE_LEN as u64))?;
    }
    drop(file);
    process::settle(&place.dir)?;
    let [sent, _] = place.copy(&source, &target, &[])?;
    process::settle(&place.dir)?;
    let [before, after] = [&source, &target].map(|path| fs::metadata(path).map(|meta| meta.blocks() * 512));
    let (before, after) = (before?, after?);
    ensure!(after <= before + before / 8 + (1 << 20), "{after} bytes are taken, and {before} were");
    same_bytes(&source, &target)?;
    report.ok(&format!(
        "a sparse file of {} GiB in {PIECE_COUNT} pieces: right in {:.1} s; {} KiB are taken at the sender's, {} at the \
         receiver's",
        size >> 30,
        sent.done()?["elapsed_s"].as_f64().unwrap_or_default(),
        before >> 10,
        after >> 10
    ));
    Ok(())
}

/// Insists that wherever either has bytes both have the same, and that they are of one size. cmp(1) would read the holes.
fn same_bytes(left: &Path, right: &Path) -> Result<()> {
    let (left, right) = (File::open(left)?, File::open(right)?);
    let size = left.metadata()?.len();
    ensure!(right.metadata()?.len() == size, "it has another size");
    for range in extents(&left)?.into_iter().chain(extents(&right)?) {
        let mut at = range.start;
        while at < range.end {
            let len = usize::try_from(range.end - at)?.min(1 << 20);
            let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
            left.read_exact_at(&mut ours, at)?;
            right.read_exact_at(&mut theirs, at)?;
            ensure!(ours == theirs, "other bytes from {at} on");
            at += len as u64;
        }
    }
    Ok(())
}

/// Where a file is no hole: lseek(2).
fn extents(file: &File) -> Result<Vec<Range<u64>>> {
    let mut extents = Vec::new();
    let mut at = 0;
    loop {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => return Ok(extents),
            start => start?,
        };
        at = rustix::fs::seek(file, SeekFrom::Hole(start))?;
        extents.push(start..at);
    }
}

const SIZE: u64 = 32 << 30;

const VAST_SIZE: u64 = 1 << 40;

const PIECE_COUNT: u64 = 64;

const PIECE_LEN: usize = 100_000;

#[cfg(test)]
mod tests;
