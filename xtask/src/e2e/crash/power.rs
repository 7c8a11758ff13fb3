//! Power cuts below the filesystem: a server at work on a filesystem on a device that writes down what is done to it, and
//! then every one of many moments of that, each mounted, opened and compared with what clients had been told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::contents::{self, Content};
use super::device::{Device, SECTOR_LEN};
use super::fuse::Fuse;
use super::history::{History, Known};
use super::load::{Load, SIZES};
use super::points::{self, Point};
use super::{check, seed};
use crate::e2e::{Ground, Report, mount};
use crate::filler::Filler;
use crate::process;
use crate::server::Server;
use crate::tools;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("power cuts below the filesystem");
    let dir = ground.dir.join("power");
    let seed = seed()?;
    let contents = contents::make(&dir.join("contents"), SIZES, seed)?;
    let serve = || Command::new(ground.program);
    for (kind, sync) in KINDS.iter().flat_map(|kind| [(*kind, "full"), (*kind, "none")]) {
        let trial = Trial {
            client: ground.program,
            serve: &serve,
            dir: &dir,
            contents: &contents,
            kind,
            sync,
            unmarked_max: UPLOAD_MARK_LEN,
            seed,
        };
        let done = trial.run(POINT_COUNT).with_context(|| format!("{kind}, --sync {sync}, seed {seed}"))?;
        report.ok(&format!(
            "{kind}, --sync {sync}: {} power cuts among {} writes and {} flushes (seed {seed}): {}, {} times a blob was \
             compared, and {} times an upload was gone on with to its end",
            done.point_count,
            done.write_count,
            done.flush_count,
            if sync == "full" { "whatever was acknowledged was there and right" } else { "nothing wrong was served or listed" },
            done.compared_count,
            done.upload_count
        ));
    }
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// A filesystem, a server, and a load.
pub(super) struct Trial<'a> {
    pub(super) client: &'a Path,
    pub(super) serve: &'a dyn Fn() -> Command,
    /// Where it may mount and write.
    pub(super) dir: &'a Path,
    pub(super) contents: &'a [Content],
    /// `ext4` or `xfs`.
    pub(super) kind: &'a str,
    pub(super) sync: &'a str,
    /// How much of an upload a power cut may cost, where everything is synced.
    pub(super) unmarked_max: u64,
    pub(super) seed: u64,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Done {
    pub(super) point_count: u64,
    pub(super) write_count: u64,
    pub(super) flush_count: u64,
    pub(super) compared_count: u64,
    pub(super) upload_count: u64,
}

impl Trial<'_> {
    /// Cuts the power at so many points of each kind.
    pub(super) fn run(&self, point_count: usize) -> Result<Done> {
        let ground = Below::make(self.dir, self.kind)?;
        let device = &ground.device;
        let now = || device.position();
        let load = Load::new(self.client, self.contents, &now);
        let end = self.record(&ground, &load)?;
        let flush_count = device.flushes().into_iter().filter(|at| *at <= end).count() as u64;
        let mut done = Done { write_count: end - flush_count, flush_count, ..Done::default() };
        let mut blobs: Vec<u64> = load.histories.iter().flat_map(History::ends).collect();
        blobs.sort_unstable();
        // Of which there are few beside blobs.
        let sent = load.pieces.sent();
        let pieces = sent.iter().flat_map(|sent| sent.told.iter().map(|(when, _)| *when)).collect();
        for point in points::choose(device, &[blobs, pieces], end, point_count, self.seed) {
            done.point_count += 1;
            self.look(&ground, &load, point, &mut done)
                .with_context(|| format!("after power cut {}, at {point:?}", done.point_count))?;
        }
        Ok(done)
    }

    /// Lets the load run, with a kill in between, and answers at which moment it was over.
    fn record(&self, ground: &Below, load: &Load<'_>) -> Result<u64> {
        let mut random = Filler::new(self.seed);
        ground.device.log();
        let mounted = ground.mount()?;
        for round in 1..=ROUND_COUNT {
            let server = self.start(&mounted)?;
            if round > 1 {
                // As in the trial of kills: what a kill left open is known from here on.
                let found = check::blobs(load, server.host(), None)?;
                for (history, is_there) in load.histories.iter().zip(found.is_there) {
                    history.found(if is_there { Known::Present } else { Known::Absent }, load.now());
                }
            }
            let host = server.host().to_owned();
            load.run(&host, random.number(), BEGUN_COUNT, || server.kill())?;
        }
        Ok(ground.device.position())
    }

    fn look(&self, ground: &Below, load: &Load<'_>, point: Point, done: &mut Done) -> Result<()> {
        ground.device.cut(point.at, point.kept);
        let mounted = ground.mount().context("the filesystem itself did not survive")?;
        let server = self.start(&mounted)?;
        let is_full = self.sync == "full";
        let found = check::blobs(load, server.host(), is_full.then_some(point.at))?;
        done.compared_count += found.count();
        let unmarked_max = is_full.then_some(self.unmarked_max);
        done.upload_count += check::uploads(load, server.host(), point.at, unmarked_max)?;
        server.kill()
    }

    fn start(&self, mounted: &Mounted) -> Result<Server> {
        Server::start_by((self.serve)(), &mounted.dir.join("store"), &["--sync", self.sync])
    }
}

/// What is below a filesystem.
struct Below {
    device: Arc<Device>,
    fuse: Fuse,
    fuse_dir: PathBuf,
    dir: PathBuf,
    kind: String,
}

impl Below {
    /// Makes a filesystem of this kind on a device of its own.
    fn make(dir: &Path, kind: &str) -> Result<Self> {
        let (fuse_dir, mount_dir) = (dir.join("fuse"), dir.join("mounted"));
        fs::create_dir_all(&fuse_dir)?;
        fs::create_dir_all(&mount_dir)?;
        let device = Arc::new(Device::default());
        let fuse = Fuse::mount(Arc::clone(&device), &fuse_dir)?;
        let below = Self { device, fuse, fuse_dir, dir: mount_dir, kind: kind.to_owned() };
        let attached = below.attach()?;
        // Nothing is to be discarded, and nothing to be written in the background later.
        let arguments: &[&str] = match kind {
            "ext4" => &["-q", "-F", "-b", "4096", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
            _ => &["-q", "-f", "-K"],
        };
        call(&format!("mkfs.{kind}"), &[arguments, &[attached.path.as_str()]].concat())?;
        if kind == "ext4" {
            let said = call("dumpe2fs", &["-h", &attached.path])?;
            ensure!(said.contains("has_journal"), "this ext4 has no journal");
        }
        drop(attached);
        Ok(below)
    }

    fn attach(&self) -> Result<Attached> {
        let file = self.fuse.file().to_str().context("a path of ours is UTF-8")?;
        let sector_len = SECTOR_LEN.to_string();
        let said = call("losetup", &["--find", "--show", "--sector-size", &sector_len, file])?;
        let attached = Attached { path: said.trim().to_owned() };
        let name = attached.path.trim_start_matches("/dev/");
        let cache = fs::read_to_string(format!("/sys/block/{name}/queue/write_cache"))?;
        // Otherwise filesystems would send no flushes, and everything would look durable at once, or never.
        ensure!(cache.trim() == "write back", "{} has a cache of '{}'", attached.path, cache.trim());
        Ok(attached)
    }

    fn mount(&self) -> Result<Mounted> {
        let attached = self.attach()?;
        let dir = self.dir.to_str().context("a path of ours is UTF-8")?;
        call("mount", &["-t", &self.kind, &attached.path, dir])?;
        // The loop device lets go of the file when it is unmounted, even by the next run.
        drop(attached);
        Ok(Mounted { dir: self.dir.clone() })
    }
}

impl Drop for Below {
    fn drop(&mut self) {
        if let Err(error) = patiently(|| mount::unmount_all(&self.fuse_dir)) {
            eprintln!("{error:#}");
        }
    }
}

/// The device, mounted as long as this value lives.
struct Mounted {
    dir: PathBuf,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = patiently(|| mount::unmount_all(&self.dir)) {
            eprintln!("{error:#}");
        }
    }
}

/// A loop device; where it is mounted, it goes once it is mounted no more (`LO_FLAGS_AUTOCLEAR` in loop(4)).
struct Attached {
    path: String,
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Err(error) = call("losetup", &["--detach", &self.path]) {
            eprintln!("{error:#}");
        }
    }
}

/// Somebody may still hold it for a moment: a process that was killed, a loop device that is let go of.
fn patiently(attempt: impl Fn() -> Result<()>) -> Result<()> {
    let (_sender, never) = channel::<()>();
    let mut last = Err(anyhow!("not tried"));
    for _ in 0..UNMOUNT_ATTEMPT_COUNT {
        last = attempt();
        if last.is_ok() {
            break;
        }
        let _ = never.recv_timeout(UNMOUNT_PAUSE);
    }
    last
}

/// Runs a program of root's.
fn call(program: &str, arguments: &[&str]) -> Result<String> {
    let path = tools::find_program(program).with_context(|| format!("{program} is missing"))?;
    Ok(process::run(Command::new(path).args(arguments))?.stdout)
}

pub(super) const KINDS: [&str; 2] = ["ext4", "xfs"];

/// Of each kind of point.
const POINT_COUNT: usize = 12;

const ROUND_COUNT: u64 = 3;

/// In each round, about.
const BEGUN_COUNT: u64 = 80;

/// What `serve` syncs an upload after.
const UPLOAD_MARK_LEN: u64 = 64 << 20;

const UNMOUNT_ATTEMPT_COUNT: u32 = 50;

const UNMOUNT_PAUSE: Duration = Duration::from_millis(20);
