//! A server of ours: started, watched from outside, and ended.

mod descriptors;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
pub(crate) use descriptors::Descriptors;

/// `aqueduct serve`, on a port of its own. Killed when the value goes.
pub(crate) struct Server {
    child: Child,
    address: String,
    store: PathBuf,
    log: PathBuf,
    /// Hears when the process has closed its standard output, which it does by ending.
    ended: Receiver<String>,
}

impl Server {
    /// Starts a server over `store` and waits until it listens.
    pub(crate) fn start(program: &Path, store: &Path) -> Result<Self> {
        Self::start_by(Command::new(program), store, &[])
    }

    /// Starts it by `command`, to which these and its other arguments are still to be added. The process must be the
    /// program's own in the end.
    pub(crate) fn start_by(mut command: Command, store: &Path, arguments: &[&str]) -> Result<Self> {
        let log = store.with_extension("log");
        let mut child = command
            .env("AQUEDUCT_CONFIG", "/dev/null")
            .args(["serve", "--listen", "127.0.0.1:0", "--store"])
            .arg(store)
            .args(arguments)
            // Who asks it knows what was asked.
            .env("AQUEDUCT_ACCESS_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let stdout = child.stdout.take().context("it was piped")?;
        let (sender, said) = channel();
        thread::spawn(move || relay(stdout, &sender));
        let mut server = Self { child, address: String::new(), store: store.to_owned(), log, ended: said };
        server.address = server.heard().with_context(|| server.last_words())?;
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// What it writes to standard error. The next server over the same store begins the file anew.
    pub(crate) fn log_path(&self) -> &Path {
        &self.log
    }

    /// As `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        self.address.split_once("://").map_or(&self.address, |(_, host)| host)
    }

    /// Where a blob is to be had.
    pub(crate) fn blob(&self, digest: &str) -> String {
        format!("{}/blobs/{digest}", self.address)
    }

    /// What the process has open, but for pipes.
    pub(crate) fn descriptors(&self) -> Result<Descriptors> {
        Descriptors::of(self.child.id())
    }

    pub(crate) fn descriptor_count(&self) -> Result<usize> {
        Ok(self.descriptors()?.count())
    }

    /// The same without blobs: those that were asked for lately stay open.
    pub(crate) fn descriptor_count_beside_blobs(&self) -> Result<usize> {
        let blobs = fs::canonicalize(&self.store)?.join("blobs");
        Ok(self.descriptors()?.count_outside(&blobs))
    }

    /// Where the kernel says how much memory the process has, see proc_pid_status(5).
    pub(crate) fn status_path(&self) -> PathBuf {
        format!("/proc/{}/status", self.child.id()).into()
    }

    /// Asks it to stop, and insists that it ends in time and well.
    pub(crate) fn stop(self) -> Result<()> {
        self.ask_to_stop()?;
        self.stopped()
    }

    /// Asks it to stop, and does not wait for it.
    pub(crate) fn ask_to_stop(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Waits for the end of a server that was asked to stop.
    pub(crate) fn stopped(mut self) -> Result<()> {
        let status = self.end()?.with_context(|| {
            format!("still there {} s after SIGTERM\n{}", END_MAX.as_secs(), self.last_words())
        })?;
        ensure!(status.success(), "{status} after SIGTERM\n{}", self.last_words());
        Ok(())
    }

    /// Kills it, as the kernel does when memory runs out.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.end()?.context("a process outlives SIGKILL")?;
        ensure!(status.signal() == Some(9), "{status} before SIGKILL\n{}", self.last_words());
        Ok(())
    }

    fn signal(&self, name: &str) -> Result<()> {
        // The kill of bash: not every system has one of its own.
        let line = format!("kill -{name} {}", self.child.id());
        process::run(Command::new("bash").args(["-c", &line]))?;
        Ok(())
    }

    /// The address that it says it listens at.
    fn heard(&self) -> Result<String> {
        loop {
            let line = self.ended.recv_timeout(START_MAX).context("it does not say where it listens")?;
            if let Some(address) = parse_listening(&line) {
                return Ok(address.to_owned());
            }
        }
    }

    /// How it ended, unless it takes too long.
    fn end(&mut self) -> Result<Option<ExitStatus>> {
        loop {
            match self.ended.recv_timeout(END_MAX) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(self.child.wait()?)),
            }
        }
    }

    /// What it said on standard error.
    pub(crate) fn last_words(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let tail = &said[said.len().saturating_sub(WORDS_LEN_MAX)..];
        format!("the server said: {}", String::from_utf8_lossy(tail).trim_end())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `aqueduct serve` where it cannot begin, and answers what it says of that.
pub(crate) fn refused(program: &Path, store: &Path, address: &str) -> Result<String> {
    let output = Command::new("timeout")
        .arg(START_MAX.as_secs().to_string())
        .arg(program)
        .env("AQUEDUCT_CONFIG", "/dev/null")
        .args(["serve", "--listen", address, "--store"])
        .arg(store)
        .stdin(Stdio::null())
        .output()
        .context("timeout")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0 | TIMED_OUT) | None => bail!("it began: {}\n{said}", output.status),
        Some(_) => Ok(said),
    }
}

/// Hands on every line until there are no more.
fn relay(stdout: ChildStdout, lines: &Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// Reads `listening http://127.0.0.1:7070`.
fn parse_listening(line: &str) -> Option<&str> {
    line.strip_prefix("listening ").filter(|address| address.starts_with("http://"))
}

/// How much anonymous memory is resident, by what the kernel says of a process: proc_pid_status(5).
pub(crate) fn parse_anonymous_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A start makes a store, or hashes what an unclean stop left in doubt.
const START_MAX: Duration = Duration::from_secs(60);

/// Longer than the server gives those who are in flight.
const END_MAX: Duration = Duration::from_secs(90);

const WORDS_LEN_MAX: usize = 4 << 10;

/// What timeout(1) answers when the time is up.
const TIMED_OUT: i32 = 124;

#[cfg(test)]
mod tests;
