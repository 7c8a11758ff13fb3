//! What every build system goes through: a cache that fills, serves, refuses, is damaged, is full, and dies.
//!
//! One thing holds in all of it: the build succeeds, and what comes of it is byte for byte the same.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::client::{Built, Client};
use super::door::{Door, Key, READER, WRITER};
use super::page::Page;
use crate::e2e::aqueduct::{Aqueduct, NONE};
use crate::e2e::{Ground, Report};
use crate::proxy::{Direction, Proxy};
use crate::server::Server;

pub(super) fn run(ground: &Ground<'_>, page: &Page, client: &dyn Client, report: &mut Report) -> Result<()> {
    let name = client.name();
    let dir = ground.dir.join("cache").join(name.replace([' ', '|', '='], "-"));
    fs::create_dir_all(&dir)?;
    let flags = page.server_flags()?;
    // Some clients take the address of their cache for a part of what they build, so it stays the same.
    let proxy = Proxy::start("127.0.0.1:0", |_| Box::new(|_| {}))?;
    let trial =
        Trial { program: ground.program, client, dir: &dir, flags: &flags, proxy, build_count: Cell::new(0) };
    let door = trial.door("lasting", &flags)?;
    let filled = trial.fill(&door, report)?;
    trial.hit(&door, &filled, report)?;
    trial.damage(&door, &filled, report)?;
    trial.read_only(&filled, report)?;
    trial.full(&filled, report)?;
    trial.kill(&filled, report)?;
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Trial<'a> {
    program: &'a Path,
    client: &'a dyn Client,
    dir: &'a Path,
    flags: &'a [&'a str],
    /// What the builds take for the server.
    proxy: Proxy,
    build_count: Cell<u32>,
}

/// What the first build made, and how much it sent to the server.
struct Filled {
    outputs: BTreeMap<PathBuf, Vec<u8>>,
    sent_len: u64,
}

impl Trial<'_> {
    fn door(&self, name: &str, flags: &[&str]) -> Result<Door<'_>> {
        Door::make(self.program, &self.dir.join(name), flags)
    }

    /// Starts a server, to which builds go from now on.
    fn open(&self, door: &Door<'_>) -> Result<Server> {
        let server = door.open()?;
        self.proxy.aim(server.host())?;
        Ok(server)
    }

    /// In a directory where nothing was built before.
    fn build(&self, token: &'static str) -> Result<Built> {
        let place = self.place(token)?;
        self.client.build(&place.dir, &place.key)
    }

    fn place(&self, token: &'static str) -> Result<Place> {
        let number = self.build_count.replace(self.build_count.get() + 1);
        let dir = self.dir.join(format!("build-{number}"));
        fs::create_dir(&dir)?;
        Ok(Place { dir, key: Key { host: self.proxy.address().to_string(), token } })
    }

    /// A build that must make what the first one made. Answers how many hits it had.
    fn same(&self, token: &'static str, filled: &Filled) -> Result<usize> {
        let built = self.build(token)?;
        filled.insist(&built)?;
        Ok(built.hit_count)
    }

    /// The same with as many hits as there can be.
    fn whole(&self, token: &'static str, filled: &Filled) -> Result<()> {
        let hit_count = self.same(token, filled)?;
        ensure!(
            hit_count == self.client.hit_count(),
            "{hit_count} hits, and not {}",
            self.client.hit_count()
        );
        Ok(())
    }

    fn fill(&self, door: &Door<'_>, report: &mut Report) -> Result<Filled> {
        let server = self.open(door)?;
        let built = self.build(WRITER).context("the first build")?;
        ensure!(built.hit_count == 0, "{} hits in a cache that is empty", built.hit_count);
        ensure!(!built.outputs.is_empty(), "it made nothing");
        let blob_count = door.blobs()?.len();
        ensure!(blob_count >= self.client.hit_count(), "the server has {blob_count} blobs");
        server.stop()?;
        report.ok(&format!("{}: a build fills the cache with {blob_count} blobs", self.client.name()));
        Ok(Filled { outputs: built.outputs, sent_len: self.proxy.passed().to_server })
    }

    fn hit(&self, door: &Door<'_>, filled: &Filled, report: &mut Report) -> Result<()> {
        let server = self.open(door)?;
        self.whole(WRITER, filled).context("the second build")?;
        server.stop()?;
        report.ok(&format!(
            "{}: built elsewhere, with another server over the store, it counts {} hits, and the bytes are the same",
            self.client.name(),
            self.client.hit_count()
        ));
        Ok(())
    }

    fn damage(&self, door: &Door<'_>, filled: &Filled, report: &mut Report) -> Result<()> {
        let count = door.damage()?;
        let server = self.open(door)?;
        let mut hits = Vec::new();
        while hits.last() != Some(&self.client.hit_count()) {
            ensure!(hits.len() < HEALING_COUNT_MAX, "hits, build after build: {hits:?}");
            hits.push(self.same(WRITER, filled).context("damaged")?);
        }
        server.stop()?;
        report.ok(&format!(
            "{}: a byte of each of {count} blobs is changed: the bytes it builds are right; hits, build after build: {hits:?}",
            self.client.name()
        ));
        Ok(())
    }

    fn read_only(&self, filled: &Filled, report: &mut Report) -> Result<()> {
        let door = self.door("reading", self.flags)?;
        let server = self.open(&door)?;
        let hit_count = self.same(READER, filled).context("with a token that reads")?;
        let blob_count = door.blobs()?.len();
        ensure!(hit_count == 0 && blob_count == 0, "{hit_count} hits, and {blob_count} blobs");
        self.same(WRITER, filled)?;
        self.whole(READER, filled).context("with a token that reads")?;
        server.stop()?;
        report
            .ok(&format!("{}: with a token that reads it stores nothing, and is served", self.client.name()));
        Ok(())
    }

    fn full(&self, filled: &Filled, report: &mut Report) -> Result<()> {
        let door = self.door("full", &FULL)?;
        let server = self.open(&door)?;
        for _ in 0..2 {
            self.same(WRITER, filled).context("the store is full")?;
        }
        // The empty one takes none.
        let len: u64 = door.blobs()?.iter().map(|path| Ok(fs::metadata(path)?.len())).sum::<Result<u64>>()?;
        ensure!(len == 0, "a store without room has {len} bytes");
        server.stop()?;
        report.ok(&format!(
            "{}: a store without room takes nothing, and the build succeeds",
            self.client.name()
        ));
        Ok(())
    }

    fn kill(&self, filled: &Filled, report: &mut Report) -> Result<()> {
        let door = self.door("killed", self.flags)?;
        let server = self.open(&door)?;
        let place = self.place(WRITER)?;
        let middle = self.proxy.passed().to_server + filled.sent_len / 2;
        let built = thread::scope(|scope| {
            let building = scope.spawn(|| self.client.build(&place.dir, &place.key));
            let came = self.proxy.wait_for(Direction::ToServer, middle, TIME_MAX);
            self.proxy.hold();
            let killed = server.kill();
            self.proxy.reset();
            let built = building.join().map_err(|_| anyhow!("a panic"))?;
            came.and(killed).map(|()| built)
        })?;
        let outcome = match built {
            Ok(built) => filled.insist(&built).map(|()| "succeeds")?,
            Err(_) if self.client.needs_cache() => "fails",
            Err(error) => return Err(error.context("the server was killed")),
        };
        let left = door.blobs()?.len();
        let server = self.open(&door)?;
        let hit_count = self.same(WRITER, filled).context("after a kill")?;
        self.whole(WRITER, filled).context("after a kill")?;
        server.stop()?;
        Aqueduct::new(self.program, door.store()).call("verify", NONE)?.success().context("verify")?;
        report.ok(&format!(
            "{}: the server is killed in the middle, and the build {outcome}; of {left} blobs the next server makes {hit_count} \
             hits, builds are right, and verify passes",
            self.client.name()
        ));
        Ok(())
    }
}

/// Where a build is made, and with which cache.
struct Place {
    dir: PathBuf,
    key: Key,
}

impl Filled {
    /// Insists that another build made the same.
    fn insist(&self, built: &Built) -> Result<()> {
        let paths: Vec<_> = built.outputs.keys().collect();
        ensure!(paths == self.outputs.keys().collect::<Vec<_>>(), "made {paths:?}");
        for (path, bytes) in &self.outputs {
            ensure!(built.outputs[path] == *bytes, "{} has other bytes than at first", path.display());
        }
        Ok(())
    }
}

/// What is damaged is found when it is asked for, and stored anew after that: first what stands for a result, and then one after
/// the other what that refers to, as far as a client comes before it gives up and builds.
const HEALING_COUNT_MAX: usize = 8;

/// Less than an empty store takes.
const FULL: [&str; 4] = ["--sync", "none", "--max-size", "4KiB"];

/// On a machine with much else to do.
const TIME_MAX: Duration = Duration::from_secs(120);
