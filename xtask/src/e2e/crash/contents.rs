//! What is put: blobs whose bytes are known, so that whatever is served can be compared with them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::e2e::agreement;
use crate::filler::Filler;

/// A blob, under the name that sha256sum(1) gives it.
pub(super) struct Content {
    /// As `sha256:HEX`.
    pub(super) digest: String,
    pub(super) bytes: Vec<u8>,
    /// The same bytes, for programs that take a file.
    pub(super) file: PathBuf,
}

/// Makes a blob of each size, and its file in `dir`. No two are the same, and no page is zeroes, which is what a lost one may be.
pub(super) fn make(dir: &Path, sizes: &[usize], seed: u64) -> Result<Vec<Content>> {
    fs::create_dir_all(dir)?;
    let mut made: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let file = dir.join(index.to_string());
        let mut bytes = vec![0; *size];
        Filler::new(seed.wrapping_add(index as u64)).fill(&mut bytes);
        File::create(&file)?.write_all(&bytes)?;
        made.push((file, bytes));
    }
    let files: Vec<PathBuf> = made.iter().map(|(file, _)| file.clone()).collect();
    let mut sums = agreement::sha256sums(&files)?;
    let content = |(file, bytes): (PathBuf, Vec<u8>)| {
        let digest = sums.remove(&file).context("sha256sum left one out")?;
        Ok(Content { digest, bytes, file })
    };
    made.into_iter().map(content).collect()
}
