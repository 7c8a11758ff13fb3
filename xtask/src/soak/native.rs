//! The program itself as a client, over the native protocol: a process for each command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::polite::Tally;
use super::stop::Stop;
use crate::filler::Filler;
use crate::process;

pub(super) struct Client {
    program: PathBuf,
    server: String,
    dir: PathBuf,
    number: u64,
}

impl Client {
    pub(super) fn new(program: &Path, host: &str, dir: PathBuf, number: u64) -> Self {
        Self { program: program.to_owned(), server: format!("aqueduct://{host}"), dir, number }
    }

    /// Puts and gets files until it is told to stop, and leaves nothing behind.
    pub(super) fn run(&self, stop: &Stop) -> Result<Tally> {
        let mut dice = Filler::new(self.number);
        let mut tally = Tally::default();
        loop {
            let (up, down) = (self.dir.join("up"), self.dir.join("down"));
            fs::create_dir_all(&up)?;
            fs::create_dir_all(&down)?;
            // Many small ones share a connection; a large one comes in segments.
            let sizes: Vec<u64> = match dice.number() % 3 {
                0 => vec![dice.number() % (24 << 20) + 8],
                _ => (0..30).map(|_| dice.number() % (40 << 10) + 8).collect(),
            };
            for (index, size) in sizes.iter().enumerate() {
                let seed = dice.number() >> 16 << 16 | self.number;
                Filler::new(seed).write_file(&up.join(index.to_string()), *size)?;
            }
            let said = self.call(&["put", "--json"], &[&up])?;
            let json: serde_json::Value = serde_json::from_str(&said)?;
            let files = json["files"].as_array().context("no files")?;
            ensure!(files.len() == sizes.len(), "{} files were put: {said}", files.len());
            let mut digests = Vec::new();
            for file in files {
                let digest = file["digest"].as_str().context("no digest")?;
                let path = Path::new(file["path"].as_str().context("no path")?);
                let name = path.file_name().context("no name")?;
                let came = down.join(name);
                self.call(&["get", digest, "--sync", "none", "-o"], &[&came])?;
                let (sent, came) = (fs::read(up.join(name))?, fs::read(came)?);
                ensure!(sent == came, "{digest} came with other bytes");
                tally.count(came.len());
                digests.push(PathBuf::from(digest));
                if stop.is_now() && digests.len() >= 3 {
                    break;
                }
            }
            let all: Vec<_> =
                files.iter().filter_map(|file| file["digest"].as_str()).map(PathBuf::from).collect();
            self.call(&["rm"], &all.iter().collect::<Vec<_>>())?;
            tally.request_count += 1 + all.len() as u64;
            fs::remove_dir_all(&self.dir)?;
            if stop.is_now() {
                return Ok(tally);
            }
        }
    }

    /// It is not to try again: an error is an error.
    fn call(&self, words: &[&str], paths: &[&PathBuf]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(words).args(paths).args(["--server", &self.server, "--retry", "0"]);
        // Nothing of the user's.
        command.env("XDG_CACHE_HOME", self.dir.join("cache"));
        Ok(process::run(&mut command)?.stdout)
    }
}
