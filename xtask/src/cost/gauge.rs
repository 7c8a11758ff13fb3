//! What is counted, and by whom.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::asking::{Asking, Workload};
use crate::server::Server;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gauge {
    /// System calls, by strace(1).
    Calls,
    /// Instructions in user mode, by callgrind.
    Instructions,
}

impl Gauge {
    /// What a server takes from its start to its end that is asked for one of each workload, and for those of `more` again.
    pub(super) fn total(self, program: &Path, scratch: &Path, more: Option<Workload>) -> Result<u64> {
        let (store, out) = (scratch.join("store"), scratch.join("counted"));
        for old in [&store, &out] {
            if old.is_dir() {
                fs::remove_dir_all(old)?;
            } else if old.exists() {
                fs::remove_file(old)?;
            }
        }
        let server = Server::start_by(self.command(program, &out), &store, &["--sync", "none"])?;
        let pid = server.pid();
        let mut asking = Asking::begin(&server)?;
        if let Some(workload) = more {
            asking.ask(workload)?;
        }
        drop(asking);
        server.stop()?;
        match self {
            Self::Calls => count_calls(&whole(&out, pid)?).context("strace wrote what cannot be read"),
            Self::Instructions => parse_total(&fs::read_to_string(&out)?).context("callgrind wrote no total"),
        }
    }

    /// The program, to which its arguments are still to be added.
    fn command(self, program: &Path, out: &Path) -> Command {
        let mut command;
        match self {
            Self::Calls => {
                command = Command::new("strace");
                // --daemonize: the tracer is the grandchild, and the child is the program, which is who gets the signals.
                command.args(["--daemonize", "--follow-forks", "--signal=none", "--string-limit=0", CALLS]);
                command.arg("--output").arg(out);
            }
            Self::Instructions => {
                command = Command::new("valgrind");
                command.args(["--quiet", "--tool=callgrind"]);
                command.arg(format!("--callgrind-out-file={}", out.display()));
            }
        }
        command.arg(program);
        command
    }
}

/// The trace of a process that has ended, once its tracer has written the last of it.
fn whole(trace: &Path, pid: u32) -> Result<String> {
    let began = Instant::now();
    let is_end = |line: &str| line.starts_with(&pid.to_string()) && line.contains("+++ exited with");
    loop {
        let text = fs::read_to_string(trace).context("strace")?;
        if text.lines().rev().any(is_end) {
            return Ok(text);
        }
        ensure!(began.elapsed() < TRACER_MAX, "strace does not end");
        std::thread::yield_now();
    }
}

/// Counts the calls in the output of `strace --follow-forks`, in which one that another thread interrupts is in two lines.
fn count_calls(trace: &str) -> Option<u64> {
    let calls = trace.lines().filter(|line| !line.contains("<unfinished ...>") && line.contains(" = "));
    u64::try_from(calls.count()).ok().filter(|&count| count > 0)
}

/// Reads the line `totals: 123456`.
fn parse_total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// All but those that tell how threads met or slept, how memory was had, and what is done from time to time.
const CALLS: &str = "--trace=!futex,epoll_wait,sched_yield,brk,mmap,munmap,mprotect,madvise,fdatasync,syncfs,pwrite64,\
                     restart_syscall,rt_sigprocmask,sigaltstack,clone3,rseq,set_robust_list,prctl,gettid,exit";

/// What a tracer may take to write what it knows.
const TRACER_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
