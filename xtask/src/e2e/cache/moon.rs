//! moon, which speaks Bazel's HTTP with JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::client::{Built, Client, command, copy_project, said, shell};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::filler::write_text;
use crate::process;
use crate::tools::BuildClients;

pub(super) struct Moon {
    program: PathBuf,
    settings: Snippet,
    variables: Snippet,
}

impl Moon {
    pub(super) fn new(page: &Page, clients: &BuildClients) -> Result<Self> {
        Ok(Self {
            program: clients.npm.join("@moonrepo/core-linux-x64-gnu/moon"),
            settings: page.snippet("moon", "yaml")?,
            variables: page.snippet("moon", "sh")?,
        })
    }
}

impl Client for Moon {
    fn name(&self) -> String {
        "moon".to_owned()
    }

    fn hit_count(&self) -> usize {
        TASKS.len()
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("moon", dir, "app/input.txt")?;
        let workspace = dir.join(".moon/workspace.yml");
        let own = std::fs::read_to_string(&workspace).context("the project has one")?;
        write_text(&workspace, &(own + &self.settings.filled(key)))?;
        let who = ["-c", "user.name=trial", "-c", "user.email=trial@cache.example"];
        for words in [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--message", "first"]] {
            process::run(command("git", dir)?.args(who).args(words))?;
        }
        let mut moon = shell(&self.variables.filled(key), &self.program, dir)?;
        moon.env("MOON_TOOLCHAIN_FORCE_GLOBALS", "true")
            .arg("run")
            .args(TASKS.map(|task| format!("app:{task}")));
        let said = said(&mut moon)?;
        let hit_count = said.lines().filter(|line| line.contains("(cached from remote")).count();
        Built::read(hit_count, &TASKS.map(|task| dir.join("app").join(task)))
    }
}

const TASKS: [&str; 3] = ["sorted", "counted", "doubled"];
