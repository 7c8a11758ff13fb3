//! The files that go in: what is on every machine, and what is on few.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::filler::Filler;
use crate::process;

/// Files in one directory tree.
pub(super) struct Corpus {
    pub(super) dir: PathBuf,
    /// Every regular file in it.
    pub(super) files: Vec<PathBuf>,
    /// How many of them are libraries, by their names.
    pub(super) library_count: usize,
    /// The one with a hole.
    pub(super) sparse: PathBuf,
}

impl Corpus {
    /// Makes the tree in `dir`: copies of this system's files, and a large, an empty and a sparse file.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut found = Vec::new();
        for root in ROOTS.iter().map(Path::new).filter(|root| root.is_dir()) {
            walk(root, &mut found)?;
        }
        let chosen = choose(found, FILE_COUNT_MAX, SIZE_SUM_MAX);
        let count = chosen.len();
        ensure!(count >= FILE_COUNT_MIN, "{count} files in {ROOTS:?}, and {FILE_COUNT_MIN} are needed");
        let library_count = chosen.iter().filter(|path| is_library(path)).count();
        for paths in chosen.chunks(ARGUMENT_COUNT_MAX) {
            process::run(Command::new("cp").arg("--parents").args(paths).arg(dir))?;
        }
        write_large(&dir.join("large"))?;
        File::create(dir.join("empty"))?;
        let sparse = dir.join("sparse");
        write_sparse(&sparse)?;
        let mut files = Vec::new();
        walk(dir, &mut files)?;
        let files: Vec<PathBuf> = files.into_iter().map(|found| found.path).collect();
        ensure!(files.len() == count + 3, "{} files were copied of {count}", files.len() - 3);
        Ok(Self { dir: dir.to_owned(), files, library_count, sparse })
    }
}

/// Makes the file over 5 GiB.
pub(super) fn write_large(path: &Path) -> Result<()> {
    Filler::new(2).write_file(path, LARGE_SIZE)
}

/// A regular file of this system.
#[derive(Clone, Debug)]
struct Found {
    path: PathBuf,
    size: u64,
}

/// Every regular file below `dir` that can be read and named, in a fixed order.
fn walk(dir: &Path, found: &mut Vec<Found>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| dir.display().to_string())?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        // What is not UTF-8 stands in JSON in another form, which the program's own tests look at.
        let (kind, true) = (entry.file_type()?, path.to_str().is_some()) else { continue };
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && File::open(&path).is_ok() {
            found.push(Found { size: entry.metadata()?.len(), path });
        }
    }
    Ok(())
}

/// Libraries first, then whatever there is, up to a count and a sum of sizes.
fn choose(mut found: Vec<Found>, count_max: usize, size_sum_max: u64) -> Vec<PathBuf> {
    found.sort_by_key(|found| !is_library(&found.path));
    let mut sum = 0;
    let mut chosen = Vec::new();
    for Found { path, size } in found {
        if chosen.len() < count_max && sum + size <= size_sum_max {
            sum += size;
            chosen.push(path);
        }
    }
    chosen
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.") || name.ends_with(".a") || name.ends_with(".rlib")
}

/// Bytes, a hole, and bytes.
fn write_sparse(path: &Path) -> Result<()> {
    let mut filler = Filler::new(3);
    let mut file = File::create(path)?;
    filler.write(&mut file, SPARSE_EDGE_LEN)?;
    file.seek(SeekFrom::Current(HOLE_LEN))?;
    filler.write(&mut file, SPARSE_EDGE_LEN)?;
    Ok(())
}

const ROOTS: &[&str] = &["/usr/lib", "/usr/libexec", "/usr/share", "/usr/bin", "/usr/include", "/etc"];

/// A few thousand.
const FILE_COUNT_MIN: usize = 3_000;
const FILE_COUNT_MAX: usize = 5_000;

/// The large file is what has size; these have number.
const SIZE_SUM_MAX: u64 = 2 << 30;

/// Past 5 GiB, past 32 bits, and neither whole segments nor whole pages.
const LARGE_SIZE: u64 = (5 << 30) + (1 << 20) + 7;

const HOLE_LEN: i64 = 2 << 30;

/// Odd, so that the hole does not begin where a page does.
pub(super) const SPARSE_EDGE_LEN: u64 = (1 << 20) + 1;

/// Far below what execve(2) takes.
pub(super) const ARGUMENT_COUNT_MAX: usize = 500;

#[cfg(test)]
mod tests;
