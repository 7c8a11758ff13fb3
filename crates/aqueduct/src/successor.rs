//! The program that this one becomes, when it is told to begin anew: the file that it was started from, which may be newer,
//! with the same arguments. The process stays the same, and its sockets go on listening.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_flow::uninterrupted;
use aqueduct_server::Listeners;
use aqueduct_sys::{Readiness, default_signal, ignore_signal, pidfd, wait_at_most};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use tracing::{error, info};

use crate::check::Legacy;
use crate::confine;
use crate::fault::Fault;
use crate::handed;
use crate::text::shown;

/// What comes after this server.
#[derive(Debug)]
pub(crate) struct Successor {
    program: PathBuf,
    arguments: Vec<OsString>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// There may be a successor, which needs these.
    Possible(Vec<OwnedFd>),
    /// There will be one.
    Wanted(Vec<OwnedFd>),
    /// There will be none: whoever connects once the server stops finds nobody.
    Excluded,
}

impl Successor {
    /// For a server of `listeners`. While it is possible, it keeps them open.
    pub(crate) fn new(listeners: &Listeners) -> Result<Self, Fault> {
        let sockets = sockets(listeners).map_err(Fault::local("keep sockets for a restart"))?;
        let mut arguments = env::args_os();
        let program = program(arguments.next()).map_err(Fault::local("find the file of this program"))?;
        Ok(Self { program, arguments: arguments.collect(), state: Mutex::new(State::Possible(sockets)) })
    }

    /// Whether the server is to stop now, and be succeeded: if its successor could begin, as far as that can be told.
    pub(crate) fn want(&self, legacy: &Legacy) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Possible(sockets) = &mut *state else { return false };
        match self.check(legacy) {
            Ok(Some(status)) if status.success() => {
                info!("finishing what is in flight to begin anew; who connects meanwhile waits");
                *state = State::Wanted(std::mem::take(sockets));
                true
            }
            Ok(None) => {
                error!(
                    "a new server could not say within {CHECK_MAX:?} whether it can begin; this one goes on"
                );
                false
            }
            Ok(Some(status)) => {
                error!("a new server could not begin with these flags ({status}); this one goes on");
                false
            }
            Err(error) => {
                error!("cannot run {} ({error}); this server goes on", shown(&self.program));
                false
            }
        }
    }

    /// Whether it is open yet if there will be one: this server neither stops nor is about to begin anew.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(*self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Possible(_))
    }

    /// Lets nobody come after this server.
    pub(crate) fn exclude(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Excluded;
    }

    /// Where it is started from.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Becomes the successor, if one is wanted. What comes back is why not, or that none is.
    pub(crate) fn begin(&self, is_confined: bool) -> Result<(), Fault> {
        // From here on nobody hears of a signal in time to exclude a successor; and the store is closed, so there is nothing
        // left that a stop would have to finish.
        for signal in [SIGTERM, SIGINT] {
            default_signal(signal)
                .map_err(|error| Fault::local("let signals end this program")(error.into()))?;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Wanted(sockets) = &*state else { return Ok(()) };
        let doing = format!("become {}; start it again", shown(&self.program));
        self.replace(sockets, is_confined).map_err(Fault::local(doing))
    }

    /// Returns where that fails.
    fn replace(&self, sockets: &[OwnedFd], is_confined: bool) -> io::Result<()> {
        // Between two programs nobody catches a signal: these two would end the process, and ask for what is done anyway.
        for signal in [SIGHUP, SIGUSR2] {
            ignore_signal(signal)?;
        }
        let mut command = self.command();
        confine::tell(&mut command, is_confined);
        let _open = handed::give(sockets, &mut command)?;
        Err(command.exec())
    }

    /// How the program ended that was asked, if it did.
    fn check(&self, legacy: &Legacy) -> io::Result<Option<ExitStatus>> {
        let mut command = self.command();
        handed::forget(&mut command);
        legacy.tell(&mut command);
        // What it has to complain of goes to the log of this one.
        command.arg("--check").env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(Stdio::null());
        run(&mut command, CHECK_MAX)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }
}

fn sockets(listeners: &Listeners) -> io::Result<Vec<OwnedFd>> {
    let (tcp, local) = (listeners.sockets()?, listeners.crsh_sockets()?);
    Ok(tcp.into_iter().map(OwnedFd::from).chain(local.into_iter().map(OwnedFd::from)).collect())
}

/// Runs `command` to its end, or kills it after `time`: whoever waits here hears no signal.
fn run(command: &mut Command, time: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    let has_ended = ends_within(&child, time);
    if !matches!(has_ended, Ok(true)) {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(has_ended?.then_some(status))
}

fn ends_within(child: &Child, time: Duration) -> io::Result<bool> {
    let descriptor = pidfd(child)?;
    let began = Instant::now();
    Ok(uninterrupted(|| {
        wait_at_most(&descriptor, &[Readiness::Readable], time.saturating_sub(began.elapsed()))
    })?)
}

/// Where this program was started from. A package that brings a newer version replaces the file, and /proc/self/exe then names
/// the one that is gone: so it is asked while that is there, and counts less than a path that the caller gave, which may be a
/// link that is changed.
fn program(name: Option<OsString>) -> io::Result<PathBuf> {
    match name.map(PathBuf::from) {
        Some(path) if path.components().count() > 1 && is_file(&path) => std::path::absolute(path),
        _ => env::current_exe(),
    }
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// It reads a few files and looks at the store, which on a busy disk may take a while.
const CHECK_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
