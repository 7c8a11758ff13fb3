//! A store of very many tiny blobs: how soon it opens, and whether anybody notices that it evicts.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::e2e::mount::Mounted;
use crate::e2e::{Ground, Report};
use crate::server::Server;
use crate::{ci, process};

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("very many blobs");
    let Ground { program, dir } = *ground;
    let dir = dir.join("many");
    fs::create_dir(&dir)?;
    // Of its own: to remove as many files one by one takes longer than all the rest.
    let mounted = Mounted::make_of("xfs", &dir, FILESYSTEM_SIZE)?;
    let store = mounted.dir().join("store");
    fill(program, &store)?;
    let allocated = allocated(&store)?;
    let many = Many { program, store: &store, allocated };
    many.opens_after_a_clean_stop(report)?;
    many.opens_after_a_kill(report)?;
    many.evicts(report)?;
    drop(mounted);
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Makes the store, with the program that the benchmarks use.
fn fill(program: &Path, store: &Path) -> Result<()> {
    let built = program.parent().context("a program lies somewhere")?;
    let mut build = Command::new(ci::cargo());
    process::run(build.args(["build", "--quiet", "--locked", "--release", "--package", "aqueduct-bench"]))?;
    let mut fill = Command::new(built.join("aqueduct-bench"));
    fill.args(["publish", "--store"]).arg(store).args(["--size", "100", "--writers", "2", "--sync", "none"]);
    process::run(fill.args(["--count", &BLOB_COUNT.to_string()]))?;
    Ok(())
}

/// What the store's files take, in bytes, as du(1) has it.
fn allocated(store: &Path) -> Result<u64> {
    let words = process::run(Command::new("du").args(["--summarize", "--block-size=1"]).arg(store))?;
    Ok(words.stdout.split_whitespace().next().context("du says nothing")?.parse()?)
}

struct Many<'a> {
    program: &'a Path,
    store: &'a Path,
    allocated: u64,
}

impl Many<'_> {
    fn opens_after_a_clean_stop(&self, report: &mut Report) -> Result<()> {
        let mut waits = Vec::new();
        for is_cold in [false, true] {
            if is_cold {
                forget_pages()?;
            }
            let (server, wait) = self.start(u64::MAX, "10min")?;
            server.stop()?;
            ensure!(wait < OPEN_TIME_MAX, "{wait:?} from its start until it listens");
            waits.push(wait);
        }
        report.ok(&format!(
            "a store of {BLOB_COUNT} blobs and a limit listens {:.2?} after its start, {:.2?} with nothing in the page cache",
            waits[0], waits[1]
        ));
        Ok(())
    }

    fn opens_after_a_kill(&self, report: &mut Report) -> Result<()> {
        let (server, _) = self.start(u64::MAX, "10min")?;
        ensure!(put(server.host(), 0)? == 201, "a blob could not be stored");
        server.kill()?;
        // As after a power cut: all of the index is checked, and none of it is in memory.
        forget_pages()?;
        let (server, wait) = self.start(u64::MAX, "10min")?;
        ensure!(wait < OPEN_AFTER_KILL_TIME_MAX, "{wait:?} from its start until it listens");
        // All is counted anew beside whatever is asked.
        let ((), anonymous) = watched(&server, || {
            let began = Instant::now();
            while began.elapsed() < COUNT_TIME {
                ensure!(put(server.host(), 1)? < 300, "a blob could not be stored while all are counted");
                pass(PROBE_PAUSE);
            }
            Ok(())
        })?;
        ensure!(anonymous < ANONYMOUS_MAX, "{anonymous} bytes of anonymous memory");
        server.stop()?;
        report.ok(&format!(
            "after a kill it listens {wait:.2?} after its start with nothing in the page cache; anonymous memory {} MiB at most while all are counted",
            anonymous >> 20
        ));
        Ok(())
    }

    fn evicts(&self, report: &mut Report) -> Result<()> {
        // Without a lease, since all of it was stored just now.
        let (server, _) = self.start(u64::MAX, "0")?;
        let quiet = probe(&server, 1 << 20, || pass(PROBE_TIME))?;
        server.stop()?;
        // Less than the headroom is left: it is to be made while there is room for those who put.
        let max = self.allocated / 100 * 104;
        let (server, _) = self.start(max, "0")?;
        let began = Instant::now();
        let (mut evicted, mut last_seen) = (0, None);
        let (busy, anonymous) = watched(&server, || {
            probe(&server, 1 << 40, || {
                let mut last = Instant::now();
                // After the kill all may still be counted.
                while (evicted == 0 || last.elapsed() < SETTLED_TIME) && began.elapsed() < EVICT_TIME_MAX {
                    pass(PROBE_PAUSE);
                    let now = evicted_count(&server).unwrap_or(0);
                    if now != evicted {
                        (evicted, last) = (now, Instant::now());
                        last_seen = Some(last);
                    }
                }
            })
        })?;
        let seconds = last_seen.map_or(0.0, |last| (last - began).as_secs_f64());
        ensure!(
            busy.at(99) < PUT_TIME_MAX && busy.at(100) < STALL_TIME,
            "while it evicts, a put takes {busy}"
        );
        ensure!(evicted > BLOB_COUNT / 20, "only {evicted} blobs were evicted");
        ensure!(anonymous < ANONYMOUS_MAX, "{anonymous} bytes of anonymous memory");
        server.stop()?;
        let left = allocated(self.store)?;
        ensure!(left <= max, "{left} bytes are left, and {max} are allowed");
        report.ok(&format!(
            "{evicted} blobs evicted within {seconds:.1} s; each of {} puts meanwhile takes {busy} (alone {quiet}); anonymous memory {} MiB at most",
            busy.0.len(),
            anonymous >> 20
        ));
        Ok(())
    }

    fn start(&self, size_max: u64, lease: &str) -> Result<(Server, Duration)> {
        let began = Instant::now();
        let size_max = size_max.to_string();
        let arguments = ["--sync", "none", "--max-size", &size_max, "--lease", lease, "-v"];
        let server = Server::start_by(Command::new(self.program), self.store, &arguments)?;
        Ok((server, began.elapsed()))
    }
}

/// Lets time pass: what is measured is how others fare meanwhile.
fn pass(time: Duration) {
    let (_sender, nobody) = channel::<()>();
    let _ = nobody.recv_timeout(time);
}

/// Takes everything out of the page cache that can be: see proc_sys_vm(5).
fn forget_pages() -> Result<()> {
    process::run(Command::new("bash").args(["-c", "sync; echo 3 > /proc/sys/vm/drop_caches"]))?;
    Ok(())
}

/// Stores a blob of which there is no other; answers the status.
fn put(host: &str, number: u64) -> Result<u16> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let body = format!("probe {number} of {}", std::process::id());
    let head = format!(
        "POST /blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")
}

/// How long puts took, the quickest first. There is one at least.
struct Took(Vec<Duration>);

impl Took {
    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1?} (99 of 100: {:.1?}, longest {:.1?})", self.at(50), self.at(99), self.at(100))
    }
}

/// Puts small blobs, numbered from `first`, one after the other while `work` goes on, and answers how long they took.
fn probe(server: &Server, first: u64, work: impl FnOnce()) -> Result<Took> {
    let (host, is_over) = (server.host(), AtomicBool::new(false));
    thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let mut took = Vec::new();
            for number in first.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let began = Instant::now();
                let status = put(host, number)?;
                took.push(began.elapsed());
                ensure!(status == 201 || status == 200, "a put was answered {status}");
            }
            took.sort_unstable();
            ensure!(!took.is_empty(), "nothing was put");
            Ok(Took(took))
        });
        work();
        is_over.store(true, Ordering::Relaxed);
        prober.join().map_err(|_| anyhow::anyhow!("a probe panicked"))?
    })
}

/// Does `work` and answers how much anonymous memory the server had meanwhile, in bytes, at most.
fn watched<T>(server: &Server, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let path = server.status_path();
    let anonymous = || -> Option<u64> {
        let status = fs::read_to_string(&path).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    };
    let (stop, stopped) = channel::<()>();
    thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            let mut most = 0;
            loop {
                most = anonymous().unwrap_or(0).max(most);
                if stopped.recv_timeout(LOOK_PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return most;
                }
            }
        });
        let done = work();
        drop(stop);
        let most = watcher.join().map_err(|_| anyhow::anyhow!("a watcher panicked"))?;
        ensure!(most > 0, "nothing is known of its memory");
        Ok((done?, most))
    })
}

/// How many blobs the server says that it evicted.
fn evicted_count(server: &Server) -> Result<u64> {
    let log = fs::read_to_string(server.log_path())?;
    let counts = log.lines().filter(|line| line.contains("evicted blobs"));
    let count =
        |line: &str| line.rsplit_once("count=").and_then(|(_, count)| count.trim().parse::<u64>().ok());
    Ok(counts.filter_map(count).sum())
}

const BLOB_COUNT: u64 = 2_000_000;

/// A block and an inode for each, and the directories.
const FILESYSTEM_SIZE: u64 = 16 << 30;

const OPEN_TIME_MAX: Duration = Duration::from_secs(1);
const OPEN_AFTER_KILL_TIME_MAX: Duration = Duration::from_secs(5);

/// What a server of any number of blobs may have of anonymous memory.
const ANONYMOUS_MAX: u64 = 200 << 20;

/// Long enough that all is counted, on a machine that is not too slow.
const COUNT_TIME: Duration = Duration::from_secs(20);

const PROBE_TIME: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_millis(100);
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Of 99 puts in 100 while it evicts: many times what they take, and less than a stall.
const PUT_TIME_MAX: Duration = Duration::from_millis(250);

/// Of each of them: nobody waits until all is evicted, which takes many times as long.
const STALL_TIME: Duration = Duration::from_secs(2);

const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Nothing was evicted for so long: there is room.
const SETTLED_TIME: Duration = Duration::from_secs(4);
const EVICT_TIME_MAX: Duration = Duration::from_secs(300);
