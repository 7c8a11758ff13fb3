//! strace(1), which makes calls of a running process fail.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;

/// A tracer that has a process. Its calls are its own again once this is dropped.
pub(super) struct Injection {
    tracer: Child,
}

impl Injection {
    /// Has calls of the process fail from when this returns. `what` is as strace's `inject=` has it, such as
    /// `fdatasync:error=EIO`. What it saw and said goes to the file `told`.
    pub(super) fn begin(pid: u32, what: &str, told: &Path) -> Result<Self> {
        let calls = what.split_once(':').map_or(what, |(calls, _)| calls);
        let tracer = Command::new("strace")
            .args(["--follow-forks", "--signal=none", "--trace", calls, "-e"])
            .arg(format!("inject={what}"))
            .arg(format!("--attach={pid}"))
            .stdin(Stdio::null())
            .stderr(File::create(told)?)
            .spawn()
            .context("strace")?;
        let mut injection = Self { tracer };
        let began = Instant::now();
        loop {
            if fs::read_to_string(told)?.contains(ATTACHED) {
                return Ok(injection);
            }
            let ended = injection.tracer.try_wait()?;
            ensure!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "strace: {}",
                fs::read_to_string(told)?.trim_end()
            );
            thread::yield_now();
        }
    }

    /// Lets the process go. How many calls it was made to fail, by what strace wrote.
    pub(super) fn end(mut self, told: &Path) -> Result<usize> {
        self.let_go()?;
        let text = fs::read_to_string(told)?;
        Ok(text.lines().filter(|line| line.contains("(INJECTED)")).count())
    }

    fn let_go(&mut self) -> Result<()> {
        // Killed, it would leave calls half made.
        let line = format!("kill -INT {}", self.tracer.id());
        process::run(Command::new("bash").args(["-c", &line]))?;
        self.tracer.wait()?;
        Ok(())
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        if let Ok(None) = self.tracer.try_wait() {
            // Whatever went wrong before is told already.
            let _ = self.let_go();
        }
    }
}

/// What strace says once it has every thread.
const ATTACHED: &str = " attached";

const PATIENCE: Duration = Duration::from_secs(30);
