//! Hashing a file, and verifying it through its checkpoints; and SHA-256 of bytes in memory, in one lane and in several.

use std::convert::Infallible;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use aqueduct_blob::{Algorithm, CheckpointList, Digest, Hasher, Lanes, hash_together, parallel};
use clap::ValueEnum;

use crate::contents;
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

/// How many messages are hashed at once.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AtOnce {
    /// One after the other.
    One,
    /// As many as this machine has lanes for.
    All,
}

/// Hashes the same `count` blobs of `len` bytes again and again.
pub(crate) fn batches(batch_count: u64, count: usize, len: usize, at_once: AtOnce) -> Result<()> {
    ensure!(count > 0 && len > 0, "there is nothing to hash");
    let mut bytes = vec![0; count * len];
    contents::fill(&mut bytes, 1);
    let blobs: Vec<&[u8]> = bytes.chunks(len).collect();
    let one_by_one = |blobs: &[&[u8]]| -> Vec<Digest> { blobs.iter().map(|blob| digest(blob)).collect() };
    let expected = one_by_one(&blobs);
    let stopwatch = Stopwatch::start();
    for _ in 0..batch_count {
        let digests = match at_once {
            AtOnce::One => one_by_one(&blobs),
            AtOnce::All => hash_together(Algorithm::Sha256, &blobs),
        };
        ensure!(digests == expected, "the digests of a batch are those of its blobs");
    }
    let taken = stopwatch.stop();
    println!("bytes={} {taken} lanes={}", batch_count * bytes.len() as u64, lanes(at_once).count());
    Ok(())
}

/// Verifies a blob of `size` bytes through its checkpoints, on one thread.
pub(crate) fn segments(size: usize, at_once: AtOnce) -> Result<()> {
    let mut blob = vec![0; size];
    contents::fill(&mut blob, 1);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&blob);
    let hashed = hasher.finish();
    let read = |offset, buffer: &mut [u8]| {
        let start = usize::try_from(offset).expect("the blob is in memory");
        buffer.copy_from_slice(&blob[start..][..buffer.len()]);
        Ok::<(), Infallible>(())
    };
    let stopwatch = Stopwatch::start();
    let list = Some(&hashed.checkpoints);
    let Ok(verdict) =
        parallel::verify_in(lanes(at_once), &hashed.digest, hashed.size, list, NonZeroUsize::MIN, read);
    let taken = stopwatch.stop();
    ensure!(verdict == parallel::Verdict::Intact { checkpoints: None }, "{verdict:?}");
    println!("bytes={size} {taken} lanes={}", lanes(at_once).count());
    Ok(())
}

fn lanes(at_once: AtOnce) -> Lanes {
    match at_once {
        AtOnce::One => Lanes::ONE,
        AtOnce::All => Lanes::detect(),
    }
}

fn digest(blob: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(blob);
    hasher.finish().digest
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
