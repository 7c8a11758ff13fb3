//! Nx with a cache that somebody hosts.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::client::{Built, Client, copy_project, said, shell};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::tools::BuildClients;

pub(super) struct Nx {
    modules: PathBuf,
    variables: Snippet,
}

impl Nx {
    pub(super) fn new(page: &Page, clients: &BuildClients) -> Result<Self> {
        Ok(Self { modules: clients.npm.clone(), variables: page.snippet("Nx", "sh")? })
    }
}

impl Client for Nx {
    fn name(&self) -> String {
        "Nx".to_owned()
    }

    fn hit_count(&self) -> usize {
        TASKS.len()
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("nx", dir, "packages/app/input.txt")?;
        symlink(&self.modules, dir.join("node_modules"))?;
        let mut nx = shell(&self.variables.filled(key), &self.modules.join(".bin/nx"), dir)?;
        // No process stays, and nobody but the server is asked.
        nx.env("NX_DAEMON", "false").env("NX_NO_CLOUD", "true");
        nx.args(["run-many", "--output-style=static", &format!("--targets={}", TASKS.join(","))]);
        let said = said(&mut nx)?;
        let hit_count = said.lines().filter(|line| line.contains("[remote cache]")).count();
        Built::read(hit_count, &TASKS.map(|task| dir.join("packages/app").join(task)))
    }
}

const TASKS: [&str; 3] = ["sorted", "counted", "doubled"];
