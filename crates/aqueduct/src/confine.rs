//! Landlock: what a server can reach, should somebody take it over who is not meant to. The kernel holds the process to it, and
//! whatever that becomes or starts, for good. See landlock(7).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags, path_beneath_rules,
};
use tracing::{error, info, warn};

use crate::fault::Fault;
use crate::flags::Landlock;
use crate::text::with_causes;

/// What a process needs once it serves. Sockets that listen are open by then, and no other is needed.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The directory of the store, which is there.
    pub(crate) store: PathBuf,
    /// The file of the program, to begin anew.
    pub(crate) program: PathBuf,
    /// Files that are read again on SIGHUP. Who replaces one may make another of its name, so their directories can be read.
    pub(crate) files: Vec<PathBuf>,
}

/// Confines this process to `reach`. To be called before there are threads: only the one that calls is confined, and those
/// that it starts. Whether it is confined now.
pub(crate) fn confine(landlock: Landlock, reach: &Reach) -> Result<bool, Fault> {
    if is_confined_before() {
        info!("confined by Landlock as before this server began anew");
        return Ok(true);
    }
    if landlock == Landlock::Off {
        return Ok(false);
    }
    if thread_count() > 1 {
        error!("a thread was started too early, and is not confined: a bug of this program");
    }
    let (is_confined, what) = match restrict(reach) {
        Ok(status) => (status.ruleset != RulesetStatus::NotEnforced, words(&status)),
        Err(error) => (false, format!("not confined by Landlock: {}", with_causes(&error))),
    };
    match (is_confined, landlock) {
        (true, _) => info!("{what}"),
        (false, Landlock::Require) => return Err(Fault::Unconfined(what)),
        (false, _) => warn!("{what}"),
    }
    Ok(is_confined)
}

/// Tells `successor`, which this process is about to become, that it is confined already: there may be 16 layers, and each
/// would be one more (landlock(7), "Ruleset layers").
pub(crate) fn tell(successor: &mut Command, is_confined: bool) {
    if is_confined {
        successor.env(CONFINED, process::id().to_string());
    } else {
        successor.env_remove(CONFINED);
    }
}

fn is_confined_before() -> bool {
    env::var(CONFINED).is_ok_and(|pid| pid == process::id().to_string())
}

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// What the kernel has of Landlock, found by confining a thread.
pub(crate) fn in_kernel() -> Result<LandlockStatus, RulesetError> {
    let confined =
        || Ok(Ruleset::default().handle_access(AccessFs::Execute)?.create()?.restrict_self()?.landlock);
    std::thread::scope(|scope| {
        scope.spawn(confined).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The version of the kernel's interface, as far as it is known here.
pub(crate) fn version(abi: ABI) -> i32 {
    abi as i32
}

fn restrict(reach: &Reach) -> Result<RestrictionStatus, RulesetError> {
    let mut scope = BitFlags::from(Scope::Signal);
    // A supervisor may listen at an abstract address (unix(7)).
    if env::var_os("NOTIFY_SOCKET").is_none_or(|name| !name.as_encoded_bytes().starts_with(b"@")) {
        scope |= Scope::AbstractUnixSocket;
    }
    Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(scope)?
        .create()?
        .add_rules(path_beneath_rules([&reach.store], STORE))?
        // Where the store is opened, its name is synced.
        .add_rules(path_beneath_rules(directory(&reach.store), AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(reach.files.iter().flat_map(|file| readable(file)), READ))?
        .add_rules(path_beneath_rules(directories(&reach.program), READ | AccessFs::Execute))?
        .add_rules(path_beneath_rules(LIBRARIES, READ | AccessFs::Execute))?
        .add_rules(path_beneath_rules(READABLE, READ))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .restrict_self()
}

/// What is needed to read a file again that may have been replaced; of a device, such as /dev/null, no more than itself.
fn readable(file: &Path) -> Vec<PathBuf> {
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return vec![file.to_owned()];
    }
    directories(file).collect()
}

/// Where a file is, and where it really is.
fn directories(file: &Path) -> impl Iterator<Item = PathBuf> {
    directory(file).into_iter().chain(file.canonicalize().ok().as_deref().and_then(directory))
}

fn directory(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()?.parent().map(Path::to_owned)
}

fn words(status: &RestrictionStatus) -> String {
    let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
        return "not confined by Landlock, which this kernel does not have".to_owned();
    };
    let version = version(effective_abi);
    let rest = if effective_abi < TCP { "; to confine connections, too, takes Linux 6.7" } else { "" };
    format!(
        "confined by Landlock (version {version}) to the store, and to reading what this program needs{rest}"
    )
}

/// Later versions know more, and are left until somebody has tried what a server makes of them.
const KNOWN: ABI = ABI::V6;

/// The first that knows of TCP.
const TCP: ABI = ABI::V4;

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

/// What a store does with its files. Nothing in it is run, and there are regular files and directories alone.
const STORE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
});

/// What the program is loaded with when it begins anew.
const LIBRARIES: [&str; 4] = ["/usr", "/lib", "/lib32", "/lib64"];

/// What a process is, what the kernel is like, how many cores a control group may use (`cpu.max`, which
/// [`std::thread::available_parallelism`] takes for no limit where it cannot read it), and where libraries are.
const READABLE: [&str; 4] = ["/proc", "/sys/fs/cgroup", "/etc/ld.so.cache", "/etc/ld.so.preload"];

/// Says to the process that has this number, and to none that it starts, that it is confined.
const CONFINED: &str = "CONFINED_PID";

#[cfg(test)]
mod tests;
