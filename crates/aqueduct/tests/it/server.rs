//! A server as `aqueduct serve` runs it, and the program as its client.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::fixture::{Ran, Site, aqueduct, disk};

/// Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Read to the last line that the server says before it serves.
    stdout: BufReader<ChildStdout>,
    stderr: NamedTempFile,
    pub(crate) url: String,
    pub(crate) store: PathBuf,
    /// What the program speaks with it.
    scheme: &'static str,
}

impl Server {
    /// Serves the store of `site` on some port.
    pub(crate) fn start(site: &Site) -> Self {
        Self::start_with(site, &[])
    }

    pub(crate) fn start_with(site: &Site, arguments: &[&str]) -> Self {
        let mut command = aqueduct();
        command.args(["serve", "--store", "store"]).args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.current_dir(site.path("."));
        Self::spawn(&mut command)
    }

    /// Runs a command that serves, until it says where.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let stderr = NamedTempFile::new_in(disk()).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = |name: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
            value.unwrap_or_else(|| panic!("no {name} in {line:?}")).trim_end().to_owned()
        };
        let (store, url) = (PathBuf::from(line("store")), line("listening"));
        Self { child, stdout, stderr, url, store, scheme: "aqueduct" }
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Lets the program speak HTTP.
    pub(crate) fn speak_http(&mut self) {
        self.scheme = "http";
    }

    /// The program, in the directory of `site`, as this server's client.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, site: &Site, arguments: &[S]) -> Command {
        let mut command = aqueduct();
        command
            .args(arguments)
            .current_dir(site.path("."))
            .env("AQUEDUCT_SERVER", format!("{}://{}", self.scheme, self.address()));
        command.env("XDG_CACHE_HOME", site.path("cache"));
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, site: &Site, arguments: &[S]) -> Ran {
        Ran::of(&mut self.command(site, arguments))
    }

    /// Puts one file and gives its digest.
    pub(crate) fn put(&self, site: &Site, name: &str) -> String {
        let ran = self.run(site, &["put", name]).ok();
        ran.text().split(' ').next().unwrap().to_owned()
    }

    pub(crate) fn blob_url(&self, digest: &str) -> String {
        format!("{}/blobs/{digest}", self.url)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it said on standard error so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub(crate) fn wait_until_said(&self, words: &str) {
        wait_until(words, || self.said().contains(words));
    }

    /// Has it begin anew, and waits until it has.
    pub(crate) fn restart(&mut self) {
        self.signal(Signal::USR2);
        self.wait_until_printed("listening ");
    }

    /// Waits for a line on standard output that begins so.
    pub(crate) fn wait_until_printed(&mut self, start: &str) {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "{}", self.said());
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        (self.child.wait().unwrap(), self.said())
    }

    /// Ends it as an operator would.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (status, said) = self.wait();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }
}

/// Waits for what is soon to be true, and fails where it is not.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "waited too long: {what}");
        thread::yield_now();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
