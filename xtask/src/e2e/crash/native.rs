//! A client that speaks the native protocol: the program itself.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow};

use super::breach::Breach;
use super::contents::Content;
use super::history::Known;
use super::load::{Load, NATIVE_SHARE, Trouble, pick};
use crate::filler::Filler;

pub(super) struct Native<'a> {
    load: &'a Load<'a>,
    server: String,
    random: Filler,
}

impl<'a> Native<'a> {
    pub(super) fn new(load: &'a Load<'a>, host: &str, seed: u64) -> Self {
        Self { load, server: format!("aqueduct://{host}"), random: Filler::new(seed ^ 0xa9) }
    }

    pub(super) fn run(mut self) -> Result<()> {
        while self.load.goes_on() {
            self.load.count();
            if let Err(trouble) = self.act() {
                return self.load.end(trouble).context("the native protocol");
            }
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), Trouble> {
        let index = pick(&mut self.random, &NATIVE_SHARE);
        match (self.random.number() >> 32) % 8 {
            // Most of all the large one, since what a kill leaves of it is gone on with.
            0..=1 => self.put(&[NATIVE_SHARE.end - 1]),
            2..=4 => self.put(&[index, NATIVE_SHARE.start, NATIVE_SHARE.start + 1]),
            5 => self.remove(index),
            6 => self.has(index),
            _ => self.look(index),
        }
    }

    fn put(&self, indices: &[usize]) -> Result<(), Trouble> {
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        indices.dedup();
        let files: Vec<&Path> = indices.iter().map(|index| self.content(*index).file.as_path()).collect();
        self.change(&indices, Known::Present, |command| {
            command.args(["put", "--no-cache"]).args(files);
        })
    }

    fn remove(&self, index: usize) -> Result<(), Trouble> {
        self.change(&[index], Known::Absent, |command| {
            command.args(["rm", "--force", &self.content(index).digest]);
        })
    }

    fn change(
        &self,
        indices: &[usize],
        becomes: Known,
        tell: impl FnOnce(&mut Command),
    ) -> Result<(), Trouble> {
        let histories = || indices.iter().map(|index| &self.load.histories[*index]);
        histories().for_each(|history| history.begin(becomes, self.load.now()));
        let output = self.call(tell)?;
        expect(&output, &[0])?;
        histories().for_each(|history| history.end(self.load.now()));
        Ok(())
    }

    fn has(&self, index: usize) -> Result<(), Trouble> {
        let output = self.call(|command| {
            command.args(["has", &self.content(index).digest]);
        })?;
        expect(&output, self.codes(index))
    }

    fn look(&self, index: usize) -> Result<(), Trouble> {
        let Content { digest, bytes, .. } = self.content(index);
        let output = self.call(|command| {
            command.args(["get", digest.as_str(), "--output", "-"]);
        })?;
        expect(&output, self.codes(index))?;
        if output.status.success() && output.stdout != *bytes {
            return Err(Breach(format!("get: wrong bytes of {digest}")).into());
        }
        Ok(())
    }

    /// The exit codes that are right.
    fn codes(&self, index: usize) -> &'static [i32] {
        match self.load.histories[index].known(self.load.now()) {
            Known::Present => &[0],
            Known::Absent => &[3],
            Known::Either => &[0, 3],
        }
    }

    fn content(&self, index: usize) -> &'a Content {
        &self.load.contents[index]
    }

    fn call(&self, tell: impl FnOnce(&mut Command)) -> Result<Output, Trouble> {
        let mut command = Command::new(self.load.program);
        tell(&mut command);
        command.args(["--retry", "0", "--server", &self.server]).stdin(Stdio::null());
        Ok(command.output().with_context(|| format!("{command:?}"))?)
    }
}

/// Another exit code is that of a connection that broke, or wrong if the server lived; bytes that are not the blob's always
/// are.
fn expect(output: &Output, codes: &[i32]) -> Result<(), Trouble> {
    match output.status.code() {
        Some(code) if codes.contains(&code) => Ok(()),
        code => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if code == Some(MISMATCH) {
                return Err(Breach(said).into());
            }
            Err(Trouble::Broken(anyhow!("{}, where {codes:?} is right: {said}", output.status)))
        }
    }
}

/// What `aqueduct` answers where bytes are not those of the blob.
pub(super) const MISMATCH: i32 = 6;
