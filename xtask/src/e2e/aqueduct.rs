//! The program under test, called as people call it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The program, and the store that it is to use, or that a server has.
pub(super) struct Aqueduct {
    program: PathBuf,
    store: PathBuf,
    /// Asked instead of the store.
    server: Option<String>,
}

/// What a call answered.
pub(super) struct Answer {
    /// The exit code; that of a process killed by a signal is 128 and its number.
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// The most memory that was resident at a time, in KiB.
    pub(super) memory_kib: u64,
}

/// A blob as `ls` lists it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) digest: String,
    pub(super) size: u64,
}

impl Aqueduct {
    pub(super) fn new(program: &Path, store: &Path) -> Self {
        Self { program: program.to_owned(), store: store.to_owned(), server: None }
    }

    /// It asks the server at `address`, which has `store`.
    pub(super) fn remote(program: &Path, store: &Path, address: &str) -> Self {
        Self { server: Some(address.to_owned()), ..Self::new(program, store) }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn store(&self) -> &Path {
        &self.store
    }

    /// Where a blob lies, by docs/store-format.md.
    pub(super) fn path_of(&self, digest: &str) -> Result<PathBuf> {
        let (algorithm, hex) = digest.split_once(':').with_context(|| format!("no digest: {digest}"))?;
        let (shard, rest) = hex.split_at_checked(2).with_context(|| format!("no digest: {digest}"))?;
        Ok(self.store.join("blobs").join(algorithm).join(shard).join(rest))
    }

    /// Runs `aqueduct COMMAND --json --store STORE ARGUMENTS`, or with `--server ADDRESS`.
    pub(super) fn call<A: AsRef<OsStr>>(
        &self,
        command: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Answer> {
        // GNU time hands the exit code through. It is the kernel's own high-water mark, see getrusage(2).
        let measure = self.store.with_extension("memory");
        let (flag, place) = match &self.server {
            Some(address) => ("--server", OsStr::new(address)),
            None => ("--store", self.store.as_os_str()),
        };
        let output = Command::new("/usr/bin/time")
            .args(["--quiet", "--format=%M", "--output"])
            .arg(&measure)
            .arg(&self.program)
            .args([command, "--json", flag])
            .arg(place)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("/usr/bin/time")?;
        let measured = std::fs::read_to_string(&measure)?;
        let memory_kib = measured.trim().parse().with_context(|| format!("time(1) said: {measured}"))?;
        Ok(Answer {
            code: output.status.code().context("time(1) was killed")?,
            stdout: String::from_utf8(output.stdout).context("JSON is UTF-8")?,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            memory_kib,
        })
    }

    /// Every blob that the store lists.
    pub(super) fn list(&self) -> Result<Vec<Listed>> {
        let answer = self.call("ls", NONE)?.success()?;
        answer.stdout.lines().map(|line| parse_listed(line).with_context(|| format!("ls: {line}"))).collect()
    }

    /// Whether the store says that it has the blob.
    pub(super) fn has(&self, digest: &str) -> Result<bool> {
        let answer = self.call("has", [digest])?;
        match answer.code {
            0 => Ok(true),
            3 => Ok(false),
            code => bail!("has: exit code {code}\n{}", answer.stderr),
        }
    }

    /// Removes blobs that are there.
    pub(super) fn remove(&self, digests: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
        self.call("rm", digests)?.success()?;
        Ok(())
    }
}

impl Answer {
    /// Insists on exit code 0.
    pub(super) fn success(self) -> Result<Self> {
        ensure!(self.code == 0, "exit code {}\n{}", self.code, self.stderr.trim_end());
        Ok(self)
    }

    /// The one object that was printed.
    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {}", self.stdout))
    }
}

fn parse_listed(line: &str) -> Option<Listed> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some(Listed { digest: value["digest"].as_str()?.to_owned(), size: value["size"].as_u64()? })
}

/// No arguments.
pub(super) const NONE: [&str; 0] = [];

#[cfg(test)]
mod tests;
