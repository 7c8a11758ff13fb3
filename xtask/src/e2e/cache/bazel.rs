//! Bazel's HTTP cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::client::{Built, Client, command, copy_project, said};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::filler::write_text;
use crate::tools::BuildClients;

pub(super) struct Bazel {
    program: PathBuf,
    settings: Snippet,
}

impl Bazel {
    pub(super) fn new(page: &Page, clients: &BuildClients) -> Result<Self> {
        Ok(Self {
            program: clients.npm.join("@bazel/bazel-linux_x64/bazel-2.1.0-linux-x86_64"),
            settings: page.snippet("Bazel", "text")?,
        })
    }
}

impl Client for Bazel {
    fn name(&self) -> String {
        "Bazel".to_owned()
    }

    fn hit_count(&self) -> usize {
        10
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("bazel", dir, "input.txt")?;
        write_text(&dir.join(".bazelrc"), &self.settings.filled(key))?;
        let mut bazel = command(&self.program, dir)?;
        // Each workspace has its outputs in a directory of its own there; what Bazel is made of is unpacked once.
        let root = dir.parent().context("the trial has a directory")?.join("bazel");
        bazel.arg(format!("--output_user_root={}", root.display()));
        bazel.args(["--nosystem_rc", "--batch", "build", "//:all", "--noshow_progress", "--color=no"]);
        let said = said(&mut bazel)?;
        let hit_count = parse_hits(&said).with_context(|| format!("Bazel said: {said}"))?;
        Built::read(hit_count, &[dir.join("bazel-bin").canonicalize()?])
    }
}

/// Reads `INFO: 4 processes: 3 remote cache hit, 1 linux-sandbox.`
fn parse_hits(said: &str) -> Option<usize> {
    let line = said.lines().find(|line| line.starts_with("INFO: ") && line.contains(" process"))?;
    let (_, kinds) = line.strip_suffix('.')?.split_once(": ")?.1.split_once(": ")?;
    let mut hits = kinds.split(", ").filter_map(|kind| kind.strip_suffix(" remote cache hit"));
    hits.next().map_or(Some(0), |count| count.parse().ok())
}

#[cfg(test)]
mod tests;
