//! Gradle's HTTP build cache.

use std::path::Path;

use anyhow::Result;

use super::client::{Built, Client, command, copy_project, said};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::filler::write_text;

pub(super) struct Gradle {
    settings: Snippet,
}

impl Gradle {
    pub(super) fn new(page: &Page) -> Result<Self> {
        Ok(Self { settings: page.snippet("Gradle", "groovy")? })
    }
}

impl Client for Gradle {
    fn name(&self) -> String {
        "Gradle".to_owned()
    }

    fn hit_count(&self) -> usize {
        3
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("gradle", dir, "input.txt")?;
        write_text(&dir.join("settings.gradle"), &self.settings.filled(key))?;
        let mut gradle = command("gradle", dir)?;
        // Its other cache, on this machine, is in its home.
        gradle.arg("--gradle-user-home").arg(dir.with_extension("gradle"));
        gradle.args(["--no-daemon", "--build-cache", "--console=plain", "build"]);
        let said = said(&mut gradle)?;
        let hit_count = said.lines().filter(|line| line.ends_with(" FROM-CACHE")).count();
        Built::read(hit_count, &[dir.join("out")])
    }
}
