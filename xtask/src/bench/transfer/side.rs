//! What runs at one end of the way: a line of shell, timed with all that it starts.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::bench::run::parse_time;
use crate::namespaces::{self, Host};

/// A shell and its children. Killed when the value goes.
pub(super) struct Side {
    child: Child,
    /// What it prints.
    lines: Receiver<String>,
    /// What it says on standard error.
    words: PathBuf,
    /// Where the shell writes down what its children took.
    times: PathBuf,
}

impl Side {
    /// Starts `line`, with these variables, on a host. What it says goes to files in `dir`, whose names begin with `name`.
    pub(super) fn start(
        host: &Host,
        line: &str,
        variables: &[(&str, String)],
        dir: &Path,
        name: &str,
    ) -> Result<Self> {
        let [words, times] = ["words", "times"].map(|what| dir.join(format!("{name}.{what}")));
        let mut command = host.command("bash");
        let mut child = command
            .args(["-c", TIME])
            .arg(&times)
            .arg(line)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("LIMIT", TIME_MAX_S)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&words)?)
            // All of it is told to end at once.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let stdout = child.stdout.take().context("it was piped")?;
        let (sender, lines) = channel();
        // Nobody who listens no more fills the pipe.
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Ok(Self { child, lines, words, times })
    }

    /// Waits until it listens on this port of its host.
    pub(super) fn wait_until_heard(&mut self, port: u16) -> Result<()> {
        while !namespaces::is_heard(self.child.id(), port) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{status} before it listened\n{}", self.said());
            }
            thread::yield_now();
        }
        Ok(())
    }

    /// Waits until it prints a ticket, in the line that a person would type.
    pub(super) fn ticket(&self) -> Result<String> {
        let mut said = self.said();
        for line in &self.lines {
            let is_ticket = |word: &&str| TICKETS.iter().any(|begin| word.starts_with(begin));
            if let Some(ticket) = line.split_whitespace().find(is_ticket) {
                return Ok(ticket.to_owned());
            }
            said += &line;
        }
        bail!("it ended before it listened\n{said}")
    }

    /// Waits for its end, and insists that it ends well. Answers CPU seconds.
    pub(super) fn finish(mut self) -> Result<f64> {
        let status = self.child.wait()?;
        ensure!(status.success(), "{status}\n{}", self.said());
        self.cpu()
    }

    /// Ends one that goes on until it is told to end. Answers CPU seconds.
    pub(super) fn stop(mut self) -> Result<f64> {
        self.wait_for_children()?;
        kill_process_group(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        self.cpu()
    }

    /// Waits until the daemon has waited for those who served: what they took would be nobody's if it ended before.
    fn wait_for_children(&mut self) -> Result<()> {
        // Bash has timeout(1) for a child, and that the daemon.
        let timeout = children_of(self.child.id());
        let daemon = timeout.first().and_then(|&pid| children_of(pid).first().copied());
        let daemon = daemon.with_context(|| format!("it has ended already\n{}", self.said()))?;
        while !children_of(daemon).is_empty() {
            thread::yield_now();
        }
        Ok(())
    }

    fn cpu(&self) -> Result<f64> {
        let text = fs::read_to_string(&self.times)?;
        // Bash may have said before that somebody ended what it ran.
        let taken = text.lines().next_back().and_then(parse_time);
        Ok(taken.with_context(|| format!("these are no times: {text}\n{}", self.said()))?.cpu)
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It may end by itself meanwhile.
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Those that nobody has waited for yet, see proc_pid_task_children(5).
fn children_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Bash writes the times into the file that is its `$0`, and leaves standard error to the line, which is its `$1`. A signal
/// that ends the line does not end bash, whose children it waits for.
const TIME: &str = r#"trap : TERM
TIMEFORMAT="%3R %3U %3S"
{ time timeout --foreground --kill-after=5 "$LIMIT" bash -o pipefail -c "$1" 2>&3; } 3>&2 2>"$0""#;

/// What tickets begin with: ours, and those of sendme.
const TICKETS: [&str; 2] = ["aq1-", "blob"];

/// What takes longer hangs.
const TIME_MAX_S: &str = "600";
