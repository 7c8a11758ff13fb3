//! ccache over HTTP: both versions that there are, in each layout of keys.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::client::{Built, Client, command, copy_project, said};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::filler::write_text;
use crate::process;
use crate::tools::{self, BuildClients};

pub(super) struct Ccache {
    program: PathBuf,
    name: String,
    settings: Snippet,
}

/// Each version in its default layout and the others.
pub(super) fn all(page: &Page, clients: &BuildClients) -> Result<Vec<Ccache>> {
    let settings = page.snippet("ccache", "text")?;
    let debian = tools::find_program("ccache").context("it is among the tools")?;
    let mut all = Vec::new();
    for program in [debian, clients.python.join("ccache")] {
        let version = version(&program)?;
        for layout in ["", "|layout=flat", "|layout=subdirs", "|layout=bazel"] {
            let name = format!("{version}{layout}");
            all.push(Ccache { program: program.clone(), name, settings: settings.and(layout) });
        }
    }
    Ok(all)
}

/// The newer version, over the Unix socket at `socket`, or over HTTP with the keys that are used there.
pub(super) fn over_socket(page: &Page, clients: &BuildClients, socket: &Path) -> Result<[Ccache; 2]> {
    let socket = socket.to_str().context("its path is not UTF-8")?;
    let program = clients.python.join("ccache");
    let over = |name: &str, settings| Ccache { program: program.clone(), name: name.to_owned(), settings };
    Ok([
        over(
            "over a Unix socket",
            page.snippet("ccache over a Unix socket", "text")?.with("/run/aqueduct/ccache.sock", socket),
        ),
        over("over HTTP", page.snippet("ccache", "text")?.with("/main", "")),
    ])
}

/// The newer version with a program that it starts itself: `aqueduct`, found in `bin` under another name.
pub(super) fn by_program(page: &Page, bin: &Path) -> Result<Ccache> {
    let settings = page.snippet("ccache by a program that it starts", "text")?;
    Ok(Ccache { program: bin.join("ccache"), name: "ccache with a program of ours".to_owned(), settings })
}

/// As `ccache 4.7.5`.
fn version(program: &Path) -> Result<String> {
    let said = process::run(std::process::Command::new(program).arg("--version"))?.stdout;
    Ok(said.lines().next().unwrap_or_default().replace(" version", ""))
}

impl Client for Ccache {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn hit_count(&self) -> usize {
        SOURCES.len()
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("c", dir, "input.txt")?;
        let config = dir.with_extension("conf");
        write_text(&config, &self.settings.filled(key))?;
        // Programs that it starts itself are beside it, whatever it is a link to.
        let own = self.program.parent().map(Path::to_owned);
        let path = env::join_paths(
            own.into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        )?;
        let ccache = || {
            let mut ccache = command(&self.program, dir)?;
            ccache.env("PATH", &path);
            ccache.env("CCACHE_CONFIGPATH", &config).env("CCACHE_DIR", dir.with_extension("cache"));
            anyhow::Ok(ccache)
        };
        compile(dir, ccache)?;
        let said = said(ccache()?.arg("--print-stats"))?;
        if self.settings.mentions("aqueduct://") {
            process::run(ccache()?.arg("--stop-storage-helpers"))?;
        }
        let hit_count = parse_hits(&said).with_context(|| format!("ccache said: {said}"))?;
        Built::read(hit_count, &[dir.join("out")])
    }
}

/// Compiles the project in `dir` by a program that stands before the compiler.
pub(super) fn compile(dir: &Path, wrapper: impl Fn() -> Result<std::process::Command>) -> Result<()> {
    std::fs::create_dir(dir.join("out"))?;
    for source in SOURCES {
        let mut line = wrapper()?;
        line.args(["cc", "-c", &format!("{source}.c"), "-o", &format!("out/{source}.o")]);
        process::run(&mut line)?;
    }
    Ok(())
}

/// Reads `remote_storage_hit`, a tabulator, and a number.
fn parse_hits(said: &str) -> Option<usize> {
    said.lines().find_map(|line| line.strip_prefix("remote_storage_hit\t"))?.parse().ok()
}

/// What the project consists of.
pub(super) const SOURCES: [&str; 3] = ["one", "two", "three"];
