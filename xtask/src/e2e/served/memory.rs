//! However much moves at once, the server's own memory stays small.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::curl::{self, curl};
use crate::e2e::aqueduct::Aqueduct;
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::server::{Server, parse_anonymous_kib};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("memory of a busy server");
    let Ground { program, dir } = *ground;
    let dir = dir.join("memory");
    fs::create_dir(&dir)?;
    let server = Server::start(program, &dir.join("store"))?;
    let crowd = Crowd { program, dir: &dir, server: &server };
    crowd.many_at_once(report)?;
    crowd.large_at_once(report)?;
    server.stop()?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Crowd<'a> {
    program: &'a Path,
    dir: &'a Path,
    server: &'a Server,
}

impl Crowd<'_> {
    fn many_at_once(&self, report: &mut Report) -> Result<()> {
        let there = self.sources(0, 4, MANY_SIZE)?;
        self.all(there.iter().enumerate().map(|(index, source)| self.upload(index, source)).collect())?;
        let sources = self.sources(4, MANY_COUNT, MANY_SIZE)?;
        let mut commands = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            commands.push(self.upload(index, source));
            commands.push(self.download(index, &there[index % there.len()]));
        }
        let (seconds, kib) = self.watched(commands)?;
        self.insist_on_arrival(&sources)?;
        report.ok(&format!(
            "{MANY_COUNT} uploads and {MANY_COUNT} downloads of {} MiB at once: all whole, {seconds:.0} s, \
             anonymous memory at most {kib} KiB",
            MANY_SIZE >> 20
        ));
        self.clear(there.into_iter().chain(sources).collect())
    }

    fn large_at_once(&self, report: &mut Report) -> Result<()> {
        let sources = self.sources(1000, LARGE_COUNT, LARGE_SIZE)?;
        let each = |act: fn(&Self, usize, &Source) -> Command| {
            sources.iter().enumerate().map(|(index, source)| act(self, index, source)).collect()
        };
        let (up_seconds, up_kib) = self.watched(each(Self::upload))?;
        self.insist_on_arrival(&sources)?;
        let (down_seconds, down_kib) = self.watched(each(Self::download))?;
        report.ok(&format!(
            "{LARGE_COUNT} uploads of {} GiB at once, then downloads: all whole, {up_seconds:.0} s and {down_seconds:.0} s, \
             anonymous memory at most {up_kib} and {down_kib} KiB",
            LARGE_SIZE >> 30
        ));
        self.clear(sources)
    }

    /// Files of other bytes each, which take next to no space: all but their beginnings are holes.
    fn sources(&self, first: usize, count: usize, size: u64) -> Result<Vec<Source>> {
        let mut paths = Vec::new();
        for seed in first..first + count {
            let path = self.dir.join(format!("source-{seed}"));
            Filler::new(seed as u64).write_file(&path, 1 << 20)?;
            fs::File::options().write(true).open(&path)?.set_len(size)?;
            paths.push(path);
        }
        let digests = agreement::openssl_sums(&paths)?;
        Ok(paths.into_iter().zip(digests).map(|(path, digest)| Source { path, digest }).collect())
    }

    /// By curl and by our client in turn.
    fn upload(&self, index: usize, source: &Source) -> Command {
        if index.is_multiple_of(2) {
            let mut command = curl();
            command.arg("-T").arg(&source.path).arg(self.server.blob(&source.digest));
            return command;
        }
        let mut command = Command::new(self.program);
        command.arg("put").arg(&source.path).args(["--server", self.server.address()]);
        command
    }

    /// Either way what comes is checked: our client does, and for curl cmp does.
    fn download(&self, index: usize, source: &Source) -> Command {
        if index.is_multiple_of(2) {
            return curl::compared(&self.server.blob(&source.digest), &source.path);
        }
        let mut command = Command::new(self.program);
        command.args(["get", &source.digest, "--server", self.server.address()]);
        command
    }

    /// Runs them all at once, and answers how long that took and how much memory the server had at most, in KiB.
    fn watched(&self, commands: Vec<Command>) -> Result<(f64, u64)> {
        let watch = Watch::begin(self.server.status_path());
        let began = Instant::now();
        self.all(commands)?;
        let seconds = began.elapsed().as_secs_f64();
        let kib = watch.end()?;
        ensure!(
            kib <= ANONYMOUS_KIB_MAX,
            "{kib} KiB of anonymous memory, and {ANONYMOUS_KIB_MAX} are allowed"
        );
        Ok((seconds, kib))
    }

    fn all(&self, commands: Vec<Command>) -> Result<()> {
        let start = |mut command: Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().with_context(|| format!("{command:?}"))
        };
        let children: Vec<Child> = commands.into_iter().map(start).collect::<Result<_>>()?;
        // All are waited for, whatever one of them says.
        let outputs: Vec<_> = children.into_iter().map(Child::wait_with_output).collect();
        for output in outputs {
            let output = output?;
            ensure!(
                output.status.success(),
                "{}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end(),
                self.server.last_words()
            );
        }
        Ok(())
    }

    fn insist_on_arrival(&self, sources: &[Source]) -> Result<()> {
        let aqueduct = Aqueduct::remote(self.program, self.server.store(), self.server.address());
        for source in sources {
            agreement::same_bytes(&source.path, &aqueduct.path_of(&source.digest)?)?;
        }
        Ok(())
    }

    /// Makes room.
    fn clear(&self, sources: Vec<Source>) -> Result<()> {
        let aqueduct = Aqueduct::remote(self.program, self.server.store(), self.server.address());
        aqueduct.remove(sources.iter().map(|source| &source.digest))?;
        for source in sources {
            fs::remove_file(source.path)?;
        }
        Ok(())
    }
}

struct Source {
    path: PathBuf,
    digest: String,
}

/// Looks at a process's memory again and again, and keeps the maximum.
struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Result<u64>>,
}

impl Watch {
    fn begin(status: PathBuf) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            let mut most = 0;
            loop {
                let text = fs::read_to_string(&status).context("the server is gone")?;
                most = most.max(parse_anonymous_kib(&text).context("no RssAnon in its status")?);
                if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return Ok(most);
                }
            }
        });
        Self { stop, thread }
    }

    fn end(self) -> Result<u64> {
        drop(self.stop);
        self.thread.join().expect("it does not panic")
    }
}

const MANY_COUNT: usize = 64;
const MANY_SIZE: u64 = 256 << 20;

const LARGE_COUNT: usize = 4;
const LARGE_SIZE: u64 = 5 << 30;

/// What was promised.
const ANONYMOUS_KIB_MAX: u64 = 64 << 10;

const LOOK_EVERY: Duration = Duration::from_millis(10);
