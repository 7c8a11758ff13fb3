//! Hashing a file, and verifying it through its checkpoints.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use aqueduct_blob::{Algorithm, CheckpointList, Digest, parallel};

use crate::stopwatch::Stopwatch;

pub(crate) fn hash(
    file: &Path,
    algorithm: Algorithm,
    threads: NonZeroUsize,
    checkpoints: Option<&Path>,
) -> Result<()> {
    let (source, size) = open(file)?;
    let stopwatch = Stopwatch::start();
    let hashed = parallel::hash(algorithm, size, threads, |offset, buffer: &mut [u8]| {
        source.read_exact_at(buffer, offset)
    })?;
    let taken = stopwatch.stop();
    println!("bytes={size} {taken} digest={}", hashed.digest);
    if let Some(path) = checkpoints {
        write(path, &hashed.checkpoints.encode())?;
    }
    Ok(())
}

pub(crate) fn verify(file: &Path, digest: &Digest, threads: NonZeroUsize, checkpoints: &Path) -> Result<()> {
    let (source, size) = open(file)?;
    let list = CheckpointList::decode(&fs::read(checkpoints)?)?;
    let stopwatch = Stopwatch::start();
    let verdict = parallel::verify(digest, size, Some(&list), threads, |offset, buffer: &mut [u8]| {
        source.read_exact_at(buffer, offset)
    })?;
    let taken = stopwatch.stop();
    // A list that was of no use would have been replaced, and another thing measured than was asked for.
    ensure!(verdict == parallel::Verdict::Intact { checkpoints: None }, "{digest}: {verdict:?}");
    println!("bytes={size} {taken}");
    Ok(())
}

fn open(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[expect(clippy::disallowed_methods, reason = "a scratch file, of no worth after a power cut")]
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
