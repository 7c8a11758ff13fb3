//! What is tried with every build system, and what each of them is asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::door::Key;
use crate::e2e::kills::files_in;
use crate::{filler, process};

/// A build system with a project of its own.
pub(super) trait Client: Sync {
    /// With its version, where there are several.
    fn name(&self) -> String;

    /// How often its project is served from a cache that has everything.
    fn hit_count(&self) -> usize;

    /// Whether its builds fail where it cannot reach its cache.
    fn needs_cache(&self) -> bool {
        false
    }

    /// Builds the project in `dir`, where it has never been built, with no other cache than the one that `key` opens.
    ///
    /// # Errors
    ///
    /// If the build fails, which it must not do because of its cache.
    fn build(&self, dir: &Path, key: &Key) -> Result<Built>;
}

/// What came of a build.
pub(super) struct Built {
    /// How often the client says that it took something from the server.
    pub(super) hit_count: usize,
    /// What it made, by the paths below its directory.
    pub(super) outputs: BTreeMap<PathBuf, Vec<u8>>,
}

impl Built {
    /// With all files below some directories.
    pub(super) fn read(hit_count: usize, dirs: &[PathBuf]) -> Result<Self> {
        let mut outputs = BTreeMap::new();
        for dir in dirs {
            for path in files_in(dir)? {
                let bytes = fs::read(dir.join(&path)).with_context(|| path.display().to_string())?;
                outputs.insert(path, bytes);
            }
        }
        Ok(Self { hit_count, outputs })
    }
}

/// Copies the project `name` of xtask/builds to `dir`, with an `input` that no other project has.
pub(super) fn copy_project(name: &str, dir: &Path, input: &str) -> Result<()> {
    let source = crate::root()?.join("xtask/builds").join(name);
    for path in files_in(&source)? {
        let target = dir.join(&path);
        fs::create_dir_all(target.parent().context("it is below a directory")?)?;
        filler::write_text(&target, &fs::read_to_string(source.join(&path))?)?;
    }
    let numbers: String = (0..LINE_COUNT).map(|number| format!("{number},\n")).collect();
    filler::write_text(&dir.join(input), &numbers)
}

/// A program that finds no settings of whoever runs this, and whose home is in `dir`.
pub(super) fn command(program: impl AsRef<std::ffi::OsStr>, dir: &Path) -> Result<Command> {
    let home = dir.with_extension("home");
    fs::create_dir_all(&home)?;
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .env("CI", "1")
        .env("no_proxy", "127.0.0.1");
    Ok(command)
}

/// The same in a shell that was told `lines` before, as somebody would type them.
pub(super) fn shell(lines: &str, program: &Path, dir: &Path) -> Result<Command> {
    let mut command = command("bash", dir)?;
    command.args(["-c", &format!("{lines}\nexec \"$0\" \"$@\"")]).arg(program);
    Ok(command)
}

/// What a program said, on both of its streams.
pub(super) fn said(command: &mut Command) -> Result<String> {
    let said = process::run(command)?;
    Ok(said.stdout + &said.stderr)
}

/// Enough that the results are no longer than a packet.
const LINE_COUNT: u32 = 2000;
