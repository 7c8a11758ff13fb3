//! Turborepo, with signed artifacts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::client::{Built, Client, copy_project, said, shell};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::filler::write_text;
use crate::tools::BuildClients;

pub(super) struct Turborepo {
    program: PathBuf,
    variables: Snippet,
    settings: Snippet,
}

impl Turborepo {
    pub(super) fn new(page: &Page, clients: &BuildClients) -> Result<Self> {
        Ok(Self {
            program: clients.npm.join(".bin/turbo"),
            variables: page.snippet("Turborepo", "sh")?,
            settings: page.snippet("Turborepo", "json")?,
        })
    }
}

impl Client for Turborepo {
    fn name(&self) -> String {
        "Turborepo".to_owned()
    }

    fn hit_count(&self) -> usize {
        TASKS.len()
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("turborepo", dir, "packages/app/input.txt")?;
        let path = dir.join("turbo.json");
        let mut settings: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let more: Value = serde_json::from_str(&self.settings.filled(key))?;
        let more = more.as_object().context("it is an object")?.clone();
        settings.as_object_mut().context("it is an object")?.extend(more);
        write_text(&path, &settings.to_string())?;

        let mut turbo = shell(&self.variables.filled(key), &self.program, dir)?;
        turbo.env("TURBO_TELEMETRY_DISABLED", "1").args(["run", "--summarize", "--no-color"]).args(TASKS);
        said(&mut turbo)?;
        let summary = fs::read_dir(dir.join(".turbo/runs"))?.next().context("it writes a summary")??;
        let summary: Value = serde_json::from_slice(&fs::read(summary.path())?)?;
        let hit_count = parse_hits(&summary).with_context(|| format!("its summary: {summary}"))?;
        Built::read(hit_count, &TASKS.map(|task| dir.join("packages/app").join(task)))
    }
}

/// Counts the tasks that came from the server.
fn parse_hits(summary: &Value) -> Option<usize> {
    let tasks = summary["tasks"].as_array()?;
    Some(tasks.iter().filter(|task| task["cache"]["remote"] == true).count())
}

const TASKS: [&str; 3] = ["sorted", "counted", "doubled"];
