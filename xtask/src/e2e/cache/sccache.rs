//! sccache over WebDAV.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::ccache::{SOURCES, compile};
use super::client::{Built, Client, copy_project, shell};
use super::door::Key;
use super::page::{Page, Snippet};
use crate::process;
use crate::tools::BuildClients;

pub(super) struct Sccache {
    program: PathBuf,
    settings: Snippet,
}

impl Sccache {
    pub(super) fn new(page: &Page, clients: &BuildClients) -> Result<Self> {
        Ok(Self { program: clients.python.join("sccache"), settings: page.snippet("sccache", "sh")? })
    }
}

impl Client for Sccache {
    fn name(&self) -> String {
        "sccache".to_owned()
    }

    fn hit_count(&self) -> usize {
        SOURCES.len()
    }

    fn build(&self, dir: &Path, key: &Key) -> Result<Built> {
        copy_project("c", dir, "input.txt")?;
        let settings = self.settings.filled(key);
        // It is a server of its own, which stays. Its port is one that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let sccache = || {
            let mut sccache = shell(&settings, &self.program, dir)?;
            sccache.env("SCCACHE_SERVER_PORT", &port).env("SCCACHE_IDLE_TIMEOUT", IDLE_MAX_S);
            anyhow::Ok(sccache)
        };
        let compiled = compile(dir, sccache);
        let said = process::run(sccache()?.args(["--show-stats", "--stats-format=json"]));
        process::run(sccache()?.arg("--stop-server"))?;
        compiled?;
        let said = said?.stdout;
        let hit_count = parse_hits(&said).with_context(|| format!("sccache said: {said}"))?;
        Built::read(hit_count, &[dir.join("out")])
    }
}

/// Adds up the hits of all languages.
fn parse_hits(said: &str) -> Option<usize> {
    let said: Value = serde_json::from_str(said).ok()?;
    let counts = said["stats"]["cache_hits"]["counts"].as_object()?;
    counts.values().map(|count| usize::try_from(count.as_u64()?).ok()).sum()
}

/// If nobody ends it.
const IDLE_MAX_S: &str = "60";
