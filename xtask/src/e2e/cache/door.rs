//! A server with tokens, and its store as it lies on the disk.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::e2e::kills::files_in;
use crate::filler::write_text;
use crate::server::Server;

/// Where the cache is, and what opens it.
pub(super) struct Key {
    /// As `127.0.0.1:PORT`.
    pub(super) host: String,
    pub(super) token: &'static str,
}

/// A store for a cache, and how servers over it are started.
pub(super) struct Door<'a> {
    program: &'a Path,
    store: PathBuf,
    tokens: PathBuf,
    flags: Vec<String>,
}

impl<'a> Door<'a> {
    /// For a store in `dir`, which is made.
    pub(super) fn make(program: &'a Path, dir: &Path, flags: &[&str]) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let tokens = dir.join("tokens");
        write_text(&tokens, &format!("read {READER}\nwrite {WRITER}\n"))?;
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Ok(Self { program, store: dir.join("store"), tokens, flags })
    }

    pub(super) fn store(&self) -> &Path {
        &self.store
    }

    pub(super) fn open(&self) -> Result<Server> {
        let tokens = self.tokens.to_str().context("the target directory's path is not UTF-8")?;
        let flags: Vec<&str> =
            ["--token-file", tokens].into_iter().chain(self.flags.iter().map(String::as_str)).collect();
        Server::start_by(Command::new(self.program), &self.store, &flags)
    }

    /// The files of all blobs.
    pub(super) fn blobs(&self) -> Result<Vec<PathBuf>> {
        let dir = self.store.join("blobs");
        Ok(files_in(&dir)?.into_iter().map(|path| dir.join(path)).collect())
    }

    /// Changes a byte in the middle of every blob, behind the back of a server that does not run. Answers how many there are.
    pub(super) fn damage(&self) -> Result<usize> {
        let blobs = self.blobs()?;
        let mut count = 0;
        for path in &blobs {
            let size = fs::metadata(path)?.len();
            if size == 0 {
                continue;
            }
            let file = File::options()
                .read(true)
                .write(true)
                .open(path)
                .with_context(|| path.display().to_string())?;
            let mut byte = [0];
            file.read_exact_at(&mut byte, size / 2)?;
            file.write_all_at(&[byte[0] ^ 1], size / 2)?;
            count += 1;
        }
        Ok(count)
    }
}

/// For whoever may only read.
pub(super) const READER: &str = "reader-0123456789abcdef";

/// For whoever may write, too.
pub(super) const WRITER: &str = "writer-0123456789abcdef";
