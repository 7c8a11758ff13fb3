//! A server of others, while it runs.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// A process with its children. Ended when the value goes.
pub(super) struct Daemon {
    child: Child,
    words: PathBuf,
}

impl Daemon {
    /// Starts it and waits until it can be reached at `address`, as `127.0.0.1:PORT`. What it says goes to a file in `dir`.
    pub(super) fn start(mut command: Command, address: &str, dir: &Path) -> Result<Self> {
        let words = dir.join("words");
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&words)?)
            .stderr(File::options().append(true).open(&words)?)
            // Some end by a signal to their whole group, which must not be ours.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut daemon = Self { child, words };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("{command:?}: {status}\n{}", daemon.said());
            }
            ensure!(began.elapsed() < START_MAX, "{command:?} does not listen\n{}", daemon.said());
            thread::yield_now();
        }
        Ok(daemon)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }

    /// A killed master would leave its workers behind, so it is asked first.
    fn end(&mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let ending = pidfd_open(pid, PidfdFlags::empty())?;
        kill_process_group(pid, Signal::TERM)?;
        let deadline = Timespec { tv_sec: END_MAX_S, tv_nsec: 0 };
        poll(&mut [PollFd::from_borrowed_fd(ending.as_fd(), PollFlags::IN)], Some(&deadline))?;
        // Those that did not listen, and children that are left: there may be none.
        let _ = kill_process_group(pid, Signal::KILL);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("process {} may be left behind: {error:#}", self.child.id());
        }
    }
}

const START_MAX: Duration = Duration::from_secs(20);

const END_MAX_S: i64 = 5;
