//! A client that is watched, and may be killed.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// `aqueduct COMMAND --json`, over the network. Killed when the value goes.
pub(super) struct Client {
    child: Child,
    words: PathBuf,
    /// Hears what it printed, once it has ended.
    ended: Receiver<String>,
}

impl Client {
    /// Starts it; what it says goes to the file `words`.
    pub(super) fn start(mut command: Command, words: &Path) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(words)?)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut stdout = child.stdout.take().context("it was piped")?;
        let (sender, ended) = channel();
        thread::spawn(move || {
            let mut printed = String::new();
            // What is no text is no JSON either.
            let _ = stdout.read_to_string(&mut printed);
            sender.send(printed)
        });
        Ok(Self { child, words: words.to_owned(), ended })
    }

    /// Runs it to its end.
    pub(super) fn run(command: Command, words: &Path) -> Result<Value> {
        Self::start(command, words)?.finish()
    }

    /// Waits until it ends well, and answers what it printed.
    pub(super) fn finish(mut self) -> Result<Value> {
        let printed = self.ended.recv_timeout(TIME_MAX).context("it does not end")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "{status}; it said: {}", self.said());
        serde_json::from_str(&printed).with_context(|| format!("not JSON: {printed}"))
    }

    /// Kills it in the middle of its work.
    pub(super) fn kill(mut self) -> Result<()> {
        let status = self.child.try_wait()?;
        ensure!(status.is_none(), "it has ended already: {status:?}; it said: {}", self.said());
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// On standard error.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default().trim_end().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // What has ended already cannot be killed, and needs not to be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What takes longer hangs.
pub(super) const TIME_MAX: Duration = Duration::from_secs(300);
