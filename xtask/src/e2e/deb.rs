//! The Debian package, in a fresh Debian: installed, used, upgraded, removed, and installed again.

mod machine;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Ground, Report};
use crate::{deb, process};
use machine::Machine;

pub(super) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("deb");
    let dir = ground.dir.join("deb");
    fs::create_dir_all(&dir)?;
    let root = crate::root()?;
    let version = deb::version(&root)?;
    let pack = |version: &str| deb::pack(&root, ground.program, version, &dir);
    let packages = [pack(&version)?, pack(&format!("{version}+next"))?];
    let lint = ["--fail-on=error,warning", "--suppress-tags"];
    process::run(Command::new("lintian").args(lint).arg(SUPPRESSED).arg(&packages[0]))?;
    report.ok("lintian finds nothing to complain of");

    let machine = Machine::start(&dir, &["systemd-sysv", "dbus", "procps"])?;
    for package in &packages {
        let name = package.file_name().context("a name")?;
        machine.write(&Path::new("srv").join(name), &fs::read(package)?)?;
    }
    let site = Site { machine, packages: packages.map(|path| path.to_string_lossy().into_owned()), dir };
    let outcome = site.check(report);
    if outcome.is_err() {
        let log = site.machine.run(&["journalctl", "--no-pager", "--lines=60", "--unit=aqueduct*"]);
        eprintln!("{}", log.unwrap_or_default());
    }
    outcome
}

/// A machine and two packages for it, the second of a later version.
struct Site {
    machine: Machine,
    packages: [String; 2],
    dir: PathBuf,
}

impl Site {
    fn check(&self, report: &mut Report) -> Result<()> {
        let before = self.files()?;
        self.install(0)?;
        self.is_installed_well(report)?;
        let digest = self.serves(report)?;
        self.is_confined(report)?;
        self.restarts(&digest, report)?;
        self.upgrades(&digest, report)?;
        self.goes(&before, &digest, report)
    }

    fn install(&self, which: usize) -> Result<String> {
        let name = Path::new(&self.packages[which]).file_name().context("a name")?.to_string_lossy();
        self.machine.run(&["apt-get", "install", "--quiet", "--yes", &format!("/srv/{name}")])
    }

    fn is_installed_well(&self, report: &mut Report) -> Result<()> {
        let said = self.machine.run(&["dpkg", "--verify", "aqueduct"])?;
        ensure!(said.is_empty(), "dpkg --verify says {said}");
        let stat = ["stat", "--format=%U:%G %a %n", SETTINGS, STATE, STORE];
        let wanted = format!(
            "root:root 644 {SETTINGS}\naqueduct:aqueduct 750 {STATE}\naqueduct:aqueduct 700 {STORE}\n"
        );
        let owners = self.machine.run(&stat)?;
        ensure!(owners == wanted, "{owners}");
        for unit in UNITS {
            ensure!(self.property(unit, "ActiveState")? == "active", "{unit} does not run");
            ensure!(self.property(unit, "UnitFileState")? == "enabled", "{unit} is not enabled");
        }
        let pid = self.main_pid()?;
        let user = self.machine.run(&["ps", "-o", "user=,cmd=", "-p", &pid])?;
        ensure!(user.split_whitespace().next() == Some("aqueduct"), "it runs as {user}");
        report.ok("installed, its files are root's, and a server runs as a user of its own");
        Ok(())
    }

    /// Answers the digest of a blob that is there from now on.
    fn serves(&self, report: &mut Report) -> Result<String> {
        self.machine.write(Path::new("srv/file"), CONTENT.as_bytes())?;
        let digest =
            self.machine.run(&["aqueduct", "put", "--server=aqueduct://127.0.0.1:7070", "/srv/file"])?;
        let digest = digest.split_whitespace().next().context("put prints nothing")?.to_owned();
        self.has(&digest)?;
        self.machine.run(&["aqueduct", "has", &format!("--server={ADDRESS}"), &digest])?;
        report.ok("what is put is served to aqueduct and to curl");
        Ok(digest)
    }

    fn has(&self, digest: &str) -> Result<()> {
        let url = format!("{ADDRESS}/blobs/{digest}");
        let said = process::run(self.machine.nearby("curl").args(["--silent", "--fail", &url]))?;
        ensure!(said.stdout == CONTENT, "{digest} is {}", said.stdout);
        Ok(())
    }

    fn is_confined(&self, report: &mut Report) -> Result<()> {
        let pid = self.main_pid()?;
        let inside = |line: &[&str]| {
            let target = format!("--target={pid}");
            [&["nsenter", &target, "--mount"], line]
                .concat()
                .iter()
                .map(|it| (*it).to_owned())
                .collect::<Vec<_>>()
        };
        for path in ["/usr/bin/other", "/etc/aqueduct/other", "/var/lib/other"] {
            let line = inside(&["touch", path]);
            let complaint = self.machine.refuse(&line.iter().map(String::as_str).collect::<Vec<_>>())?;
            ensure!(complaint.contains("Read-only file system"), "{path}: {complaint}");
        }
        let status = fs::read_to_string(self.machine.root().join("proc").join(&pid).join("status"));
        let status = status.or_else(|_| self.machine.run(&["cat", &format!("/proc/{pid}/status")]))?;
        for line in ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            ensure!(status.contains(line), "no {line} in {status}");
        }
        // What the sandbox forbids and the server needs would be told there.
        let log = self.machine.run(&[
            "journalctl",
            "--quiet",
            "--no-pager",
            "--unit=aqueduct.service",
            "--output=cat",
        ])?;
        for word in ["WARN", "ERROR", "Operation not permitted", "Permission denied"] {
            ensure!(!log.contains(word), "{log}");
        }
        report.ok("it can write to its store alone, has no privilege, and misses nothing");
        Ok(())
    }

    fn restarts(&self, digest: &str, report: &mut Report) -> Result<()> {
        let load = Load::start(self, digest)?;
        for _ in 0..RESTART_COUNT {
            let pid = self.main_pid()?;
            self.machine.run(&["systemctl", "restart", "aqueduct.service"])?;
            ensure!(self.main_pid()? != pid, "it did not restart");
            self.has(digest)?;
        }
        let count = load.stop()?;
        report.ok(&format!("{RESTART_COUNT} restarts refuse none of {count} requests"));

        let pid = self.main_pid()?;
        self.machine.run(&["systemctl", "reload", "aqueduct.service"])?;
        self.has(digest)?;
        ensure!(self.main_pid()? == pid, "a reload is no restart");
        report.ok("a reload keeps the process");

        self.machine.run(&["systemctl", "stop", "aqueduct.service"])?;
        self.has(digest)?;
        ensure!(self.property("aqueduct.service", "ActiveState")? == "active", "nobody started it");
        report.ok("the socket starts it when somebody comes");

        let drop_in = Path::new("etc/systemd/system/aqueduct.service.d");
        fs::create_dir(self.machine.root().join(drop_in))?;
        self.machine.write(&drop_in.join("watchdog.conf"), b"[Service]\nWatchdogSec=2\n")?;
        self.machine.run(&["systemctl", "daemon-reload"])?;
        self.machine.run(&["systemctl", "restart", "aqueduct.service"])?;
        let pid = self.main_pid()?;
        self.machine.run(&["kill", "-STOP", &pid])?;
        // It waits at the socket, which the next process has.
        self.has(digest)?;
        ensure!(self.main_pid()? != pid, "a process that stands still goes on serving");
        fs::remove_dir_all(self.machine.root().join(drop_in))?;
        self.machine.run(&["systemctl", "daemon-reload"])?;
        self.machine.run(&["systemctl", "restart", "aqueduct.service"])?;
        report.ok("a server that stands still is replaced");
        Ok(())
    }

    fn upgrades(&self, digest: &str, report: &mut Report) -> Result<()> {
        let path = Path::new("etc/aqueduct/config.toml");
        let settings = self.machine.root().join(path);
        let changed = fs::read_to_string(&settings)? + "# Changed by hand.\n";
        self.machine.write(path, changed.as_bytes())?;
        let (pid, load) = (self.main_pid()?, Load::start(self, digest)?);
        self.install(1)?;
        ensure!(self.main_pid()? != pid, "the old version goes on serving");
        self.has(digest)?;
        let count = load.stop()?;
        ensure!(fs::read_to_string(&settings)? == changed, "the settings were replaced");
        report.ok(&format!("an upgrade keeps blobs and settings, and refuses none of {count} requests"));

        self.machine.run(&["systemctl", "disable", "--now", UNITS[0], UNITS[1]])?;
        self.install_again()?;
        for unit in UNITS {
            ensure!(self.property(unit, "ActiveState")? == "inactive", "{unit} was started");
            ensure!(self.property(unit, "UnitFileState")? == "disabled", "{unit} was enabled");
        }
        self.machine.run(&["systemctl", "enable", "--now", UNITS[0], UNITS[1]])?;
        self.has(digest)?;
        report.ok("what was disabled stays so");
        Ok(())
    }

    fn install_again(&self) -> Result<String> {
        let name = Path::new(&self.packages[1]).file_name().context("a name")?.to_string_lossy();
        let line = ["apt-get", "install", "--quiet", "--yes", "--reinstall"];
        self.machine.run(&[&line[..], &[&*format!("/srv/{name}")]].concat())
    }

    fn goes(&self, before: &BTreeSet<String>, digest: &str, report: &mut Report) -> Result<()> {
        let get = ["--silent", "--fail", ADDRESS];
        self.machine.run(&["apt-get", "remove", "--quiet", "--yes", "aqueduct"])?;
        let answer = self.machine.nearby("curl").args(get).output()?;
        ensure!(answer.status.code() == Some(CONNECTION_REFUSED), "somebody listens still");
        ensure!(
            self.machine.root().join("etc/aqueduct/config.toml").exists(),
            "settings go with a purge only"
        );
        report.ok("removed, nothing listens, and settings and blobs are there");

        self.install(0)?;
        self.has(digest)?;
        report.ok("installed again, it serves what it had");

        let said = self.machine.run(&["apt-get", "purge", "--quiet", "--yes", "aqueduct"])?;
        ensure!(said.contains("The blobs stay in /var/lib/aqueduct"), "{said}");
        let state = |path: &&String| path.starts_with(STATE);
        let after = self.files()?;
        ensure!(after.iter().any(|path| path.contains("/blobs/")), "the blobs are gone");
        let left: Vec<_> = after.difference(before).filter(|path| !state(path)).collect();
        ensure!(left.is_empty(), "left behind: {left:?}");
        let lost: Vec<_> = before.difference(&after).collect();
        ensure!(lost.is_empty(), "gone: {lost:?}");
        report.ok("purged, nothing is left of it but the blobs");
        Ok(())
    }

    /// All files of the machine but those that other programs write as time goes by.
    fn files(&self) -> Result<BTreeSet<String>> {
        let mut find = Command::new("find");
        find.args([".", "-xdev"]).current_dir(self.machine.root());
        let paths = process::run(&mut find)?.stdout;
        let paths = paths.lines().filter_map(|path| path.strip_prefix('.')).map(str::to_owned);
        Ok(paths.filter(|path| !PASSING.iter().any(|prefix| path.starts_with(prefix))).collect())
    }

    fn main_pid(&self) -> Result<String> {
        self.property("aqueduct.service", "MainPID")
    }

    fn property(&self, unit: &str, name: &str) -> Result<String> {
        let said = self.machine.run(&["systemctl", "show", "--value", "--property", name, unit])?;
        Ok(said.trim_end().to_owned())
    }
}

/// Somebody who asks for a blob again and again, each time on a new connection.
struct Load {
    child: Child,
    stop: PathBuf,
    log: PathBuf,
}

impl Load {
    fn start(site: &Site, digest: &str) -> Result<Self> {
        let [stop, log] = ["stop", "log"].map(|name| site.dir.join(name));
        fs::remove_file(&stop).ok();
        let child = site
            .machine
            .nearby("bash")
            .args(["-c", LOAD])
            .args(["load", &format!("{ADDRESS}/blobs/{digest}")])
            .args([&stop, &log])
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, stop, log })
    }

    /// Answers how many were answered, which must be all.
    fn stop(mut self) -> Result<usize> {
        File::create(&self.stop)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the load: {status}");
        let log = fs::read_to_string(&self.log)?;
        let failed: Vec<_> = log.lines().filter(|line| *line != "200 0").collect();
        ensure!(failed.is_empty(), "requests failed, with status and exit code of curl: {failed:?}");
        Ok(log.lines().count())
    }
}

const LOAD: &str = r#"
until [ -e "$2" ]; do
    curl --silent --output /dev/null --write-out '%{http_code} %{exitcode}\n' "$1" || true
done > "$3"
"#;

const UNITS: [&str; 2] = ["aqueduct.socket", "aqueduct.service"];

const ADDRESS: &str = "http://127.0.0.1:7070";

const SETTINGS: &str = "/etc/aqueduct/config.toml";

const STATE: &str = "/var/lib/aqueduct";

const STORE: &str = "/var/lib/aqueduct/store";

const CONTENT: &str = "water that was led over a bridge\n";

const RESTART_COUNT: usize = 5;

/// An exit code of curl(1).
const CONNECTION_REFUSED: i32 = 7;

/// Nobody at Debian asked for this package, and the notice in the license names no year.
const SUPPRESSED: &str = "initial-upload-closes-no-bugs,copyright-without-copyright-notice";

/// Where other programs write.
const PASSING: &[&str] =
    &["/var/log/", "/var/cache/", "/var/lib/apt/", "/var/lib/dpkg/", "/srv/", "/tmp/", "/run/"];
