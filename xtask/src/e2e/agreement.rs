//! What other programs say of the same bytes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::corpus::ARGUMENT_COUNT_MAX;
use crate::process;

/// The digest that sha256sum(1) finds for each file.
pub(super) fn sha256sums(paths: &[PathBuf]) -> Result<HashMap<PathBuf, String>> {
    let mut sums = HashMap::new();
    for paths in paths.chunks(ARGUMENT_COUNT_MAX) {
        // --zero: names come as they are, without escapes.
        let said = process::run(Command::new("sha256sum").args(["--zero", "--"]).args(paths))?;
        let parsed = parse_sums(&said.stdout).context("sha256sum printed lines of unknown shape")?;
        ensure!(parsed.len() == paths.len(), "sha256sum: {} files of {}", parsed.len(), paths.len());
        sums.extend(parsed);
    }
    Ok(sums)
}

/// The digest that openssl(1) finds for each of a few files: several times as fast as sha256sum(1).
pub(super) fn openssl_sums(paths: &[PathBuf]) -> Result<Vec<String>> {
    let said = process::run(Command::new("openssl").args(["dgst", "-sha256", "-r"]).args(paths))?;
    let sums = parse_openssl_sums(&said.stdout).context("openssl printed lines of unknown shape")?;
    ensure!(sums.len() == paths.len(), "openssl: {} files of {}", sums.len(), paths.len());
    Ok(sums)
}

/// The same of one file.
pub(super) fn openssl_sum(path: &Path) -> Result<String> {
    Ok(openssl_sums(&[path.to_owned()])?.remove(0))
}

/// Insists that cmp(1) finds no difference.
pub(super) fn same_bytes(left: &Path, right: &Path) -> Result<()> {
    process::run(Command::new("cmp").arg("--").args([left, right]))?;
    Ok(())
}

/// Reads `<64 hex digits>  <path>`, each ended by a zero byte.
fn parse_sums(text: &str) -> Option<Vec<(PathBuf, String)>> {
    let parse = |line: &str| {
        let (hex, path) = line.split_once("  ")?;
        (hex.len() == 64).then(|| (PathBuf::from(path), format!("sha256:{hex}")))
    };
    text.split_terminator('\0').map(parse).collect()
}

/// Reads `<64 hex digits> *<path>`, a line a file. The paths are ours, and have no line breaks.
fn parse_openssl_sums(text: &str) -> Option<Vec<String>> {
    let parse = |line: &str| {
        let (hex, _) = line.split_once(" *")?;
        (hex.len() == 64).then(|| format!("sha256:{hex}"))
    };
    text.lines().map(parse).collect()
}

#[cfg(test)]
mod tests;
