//! A fresh Debian with systemd, in a container without an image: systemd-nspawn(1).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{process, tools};

/// A root filesystem, and what runs in it. Both go away with this value.
pub(super) struct Machine {
    root: PathBuf,
    nspawn: Child,
    /// Its process 1, as it is numbered outside.
    leader: Pid,
}

impl Machine {
    /// Fills `dir` with the Debian that this machine runs, with these packages, and starts it.
    pub(super) fn start(dir: &Path, packages: &[&str]) -> Result<Self> {
        ensure!(tools::root_prefix() == Some(&[]), "a machine of our own takes root");
        let root = dir.join("root");
        let release = fs::read_to_string("/etc/os-release")?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let mut make = Command::new("mmdebstrap");
        make.args(["--quiet", "--variant=minbase", &format!("--include={}", packages.join(","))])
            .arg(suite.context("this is no Debian")?)
            .arg(&root);
        // From where this machine has its packages, too.
        let sources = [SOURCES, "/etc/apt/sources.list"].into_iter().find(|path| Path::new(path).is_file());
        process::run(make.args(sources))?;

        let address = dir.join("notify");
        let socket = UnixDatagram::bind(&address)?;
        let mut nspawn = Command::new("systemd-nspawn");
        nspawn
            // With a network of its own, in which there is nobody else.
            .args(["--quiet", "--boot", "--private-network", "--console=pipe", "--link-journal=no"])
            // What a service confines itself with, which it would refuse.
            .arg(format!("--system-call-filter={LANDLOCK}"))
            .args(["--register=no", "--notify-ready=yes", "--directory"])
            .arg(&root);
        if !Path::new(BOOTED).exists() {
            // There is no systemd to ask for a unit.
            nspawn.arg("--keep-unit");
        }
        let nspawn = nspawn
            .env("NOTIFY_SOCKET", &address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("systemd-nspawn")?;
        socket.set_read_timeout(Some(START_TIME_MAX))?;
        let leader = notice(&socket, "X_NSPAWN_LEADER_PID").context("systemd-nspawn starts nothing")?;
        let leader = Pid::from_raw(leader.parse()?).context("a process has no number 0")?;
        let machine = Self { root, nspawn, leader };
        notice(&socket, "READY").context("the machine does not start")?;
        Ok(machine)
    }

    /// Where its files are, seen from outside.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file of it. The path is from its root, without a slash in front.
    #[expect(clippy::disallowed_methods, reason = "it is a machine for a minute, and never sees a power cut")]
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        fs::write(self.root.join(path), bytes).with_context(|| path.display().to_string())
    }

    /// Runs a program in it that must succeed, and answers what that printed.
    pub(super) fn run(&self, line: &[&str]) -> Result<String> {
        Ok(process::run(self.enter(&["--all"]).args(ENVIRONMENT).args(line))?.stdout)
    }

    /// Runs a program in it that must fail, and answers what that complained of.
    pub(super) fn refuse(&self, line: &[&str]) -> Result<String> {
        let output = self.enter(&["--all"]).args(ENVIRONMENT).args(line).output()?;
        ensure!(!output.status.success(), "{} succeeded", line.join(" "));
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A program of this machine that is to run in its network.
    pub(super) fn nearby(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.enter(&["--net"]);
        command.arg(program);
        command
    }

    fn enter(&self, namespaces: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.leader)).args(namespaces).stdin(Stdio::null());
        command
    }

    /// Ends it as a power cut does: nothing of it is wanted any more.
    fn stop(&mut self) -> Result<()> {
        let groups = groups(self.nspawn.id());
        kill_process(self.leader, Signal::KILL)?;
        self.nspawn.wait()?;
        // It leaves those that it made beside its own where it had no systemd to ask.
        for group in groups.iter().filter(|group| group.exists()) {
            process::run(Command::new("find").arg(group).args(["-depth", "-type", "d", "-delete"]))?;
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error:#}");
        }
    }
}

/// Waits until the machine says something of this name, and answers what: sd_notify(3).
fn notice(socket: &UnixDatagram, name: &str) -> Result<String> {
    let mut message = [0; MESSAGE_LEN_MAX];
    loop {
        let len = socket.recv(&mut message)?;
        let text = String::from_utf8_lossy(&message[..len]);
        let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        if let Some(value) = values.next() {
            return Ok(value.to_owned());
        }
    }
}

/// The control groups that systemd-nspawn made for itself and for the machine.
fn groups(nspawn: u32) -> Vec<PathBuf> {
    let Ok(text) = fs::read_to_string(format!("/proc/{nspawn}/cgroup")) else { return Vec::new() };
    let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let Some(parent) = own.strip_suffix("supervisor") else { return Vec::new() };
    let mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(|mount| Path::new(mount).join(parent));
    mounts.iter().flat_map(|mount| ["supervisor", "payload"].map(|name| mount.join(name))).collect()
}

/// See landlock(7).
const LANDLOCK: &str = "landlock_create_ruleset landlock_add_rule landlock_restrict_self";

/// Debian's file of sources, as it is named from version 12 on.
const SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// There where systemd is process 1: sd_booted(3).
const BOOTED: &str = "/run/systemd/system";

/// What a program is run with; none takes minutes.
const ENVIRONMENT: [&str; 6] = [
    "timeout",
    "300",
    "env",
    "--ignore-environment",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND=noninteractive",
];

/// A machine that needs longer hangs.
const START_TIME_MAX: Duration = Duration::from_secs(120);

/// What systemd sends at most.
const MESSAGE_LEN_MAX: usize = 4096;
