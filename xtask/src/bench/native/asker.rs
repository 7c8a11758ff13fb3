//! Who puts many files and gets them again.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Stand;
use super::small::Sources;
use crate::filler::write_text;

/// A client, one process for all files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Ours, over the native protocol.
    Native,
    /// Ours over HTTP, a request after the other.
    Http,
    /// curl(1), a request after the other over one connection.
    Curl,
}

impl Asker {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Http => "HTTP: ours, -j 1",
            Self::Curl => "HTTP: curl",
        }
    }

    /// The command line that puts all files at `host`.
    pub(super) fn put(self, stand: &Stand<'_>, sources: &Sources, host: &str) -> Result<Vec<String>> {
        let mut config = String::new();
        for (file, digest) in &sources.files {
            writeln!(config, "upload-file = \"{file}\"\nurl = \"http://{host}/blobs/{digest}\"")?;
            config.push_str("output = \"/dev/null\"\n");
        }
        self.command(stand, host, &["put", "--no-cache", text(&sources.dir)?], &[], &config)
    }

    /// The command line that gets all files into the directory `target`.
    pub(super) fn fetch(
        self,
        stand: &Stand<'_>,
        sources: &Sources,
        host: &str,
        target: &Path,
    ) -> Result<Vec<String>> {
        fs::create_dir(target)?;
        let target = text(target)?;
        let mut config = String::new();
        for (_, digest) in &sources.files {
            writeln!(config, "url = \"http://{host}/blobs/{digest}\"\noutput = \"{target}/{digest}\"")?;
        }
        let digests: Vec<&str> = sources.files.iter().map(|(_, digest)| digest.as_str()).collect();
        self.command(stand, host, &["get", "--sync", "none", "--output", target], &digests, &config)
    }

    fn command(
        self,
        stand: &Stand<'_>,
        host: &str,
        arguments: &[&str],
        more: &[&str],
        config: &str,
    ) -> Result<Vec<String>> {
        if self == Self::Curl {
            let path = stand.scratch.join("curl");
            write_text(&path, &format!("{CURL}{config}"))?;
            return Ok(["curl", "--config", text(&path)?].map(str::to_owned).to_vec());
        }
        let (scheme, threads): (_, &[&str]) =
            if self == Self::Http { ("http", &["-j", "1"]) } else { ("aqueduct", &[]) };
        let server = format!("{scheme}://{host}");
        let place = [text(stand.program)?, "--quiet"];
        let words = [&place, arguments, &["--server", &server], threads, more].concat();
        Ok(words.into_iter().map(str::to_owned).collect())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the target directory's path is not UTF-8")
}

const CURL: &str = "silent\nshow-error\nfail\nnoproxy = \"*\"\nheader = \"Expect:\"\n";
