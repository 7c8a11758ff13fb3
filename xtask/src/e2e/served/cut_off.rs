//! Uploads that end in the middle, because either side was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::curl;
use super::uploads::{Sources, Uploads};
use crate::e2e::aqueduct::{Aqueduct, NONE};
use crate::e2e::kills::{files_in, moment};
use crate::e2e::{Ground, Report, agreement};
use crate::filler::Filler;
use crate::server::Server;

pub(in crate::e2e) fn run(ground: &Ground<'_>, report: &mut Report) -> Result<()> {
    Report::heading("uploads, cut off");
    let Ground { program, dir } = *ground;
    let dir = dir.join("cut-off");
    fs::create_dir(&dir)?;
    let store = dir.join("store");
    let server = Server::start(program, &store)?;
    let mut cuts = Cuts {
        program,
        sources: &Sources::make(&dir)?,
        clean: files_in(&store)?,
        store: &store,
        points: Filler::new(11),
    };
    let whole = cuts.time_of_all(&server)?;
    cuts.clients(server, whole, report)?;
    cuts.servers(whole, report)?;
    Aqueduct::new(program, &store).call("verify", NONE)?.success().context("verify")?;
    report.ok("after all kills verify finds nothing wrong");
    fs::remove_dir_all(&dir)?;
    Ok(())
}

struct Cuts<'a> {
    program: &'a Path,
    sources: &'a Sources,
    store: &'a Path,
    /// The files of a store without blobs.
    clean: BTreeSet<PathBuf>,
    points: Filler,
}

impl Cuts<'_> {
    /// How long all uploads take that nobody kills.
    fn time_of_all(&self, server: &Server) -> Result<Duration> {
        let began = Instant::now();
        let mut uploads = Uploads::begin(self.program, self.sources, server)?;
        ensure!(uploads.wait(TIME_MAX) == 0, "uploads take more than {TIME_MAX:?}");
        let time = began.elapsed();
        let there = self.look(server)?;
        ensure!(there == self.sources.digests.len(), "{there} blobs came of {}", self.sources.digests.len());
        self.empty(server)?;
        Ok(time)
    }

    fn clients(&mut self, server: Server, whole: Duration, report: &mut Report) -> Result<()> {
        let before = server.descriptor_count()?;
        let (mut killed, mut there) = (0, 0);
        for _ in 0..ROUND_COUNT {
            let moment = moment(self.points.number(), whole);
            let mut uploads = Uploads::begin(self.program, self.sources, &server)?;
            killed += uploads.wait(moment);
            uploads.kill()?;
            insist_on_rest(&server, before)?;
            there += self.look(&server).with_context(|| format!("clients killed after {moment:?}"))?;
            self.empty(&server)?;
        }
        ensure!(killed >= ROUND_COUNT, "only {killed} clients could be killed");
        server.stop()?;
        report.ok(&format!(
            "{ROUND_COUNT} times clients were killed ({killed} of them) while {} blobs went up ({whole:.1?}): {there} came \
             whole, none in part, no stray file, and the server has its {before} descriptors",
            self.sources.digests.len()
        ));
        Ok(())
    }

    fn servers(&mut self, whole: Duration, report: &mut Report) -> Result<()> {
        let (mut cut, mut there) = (0, 0);
        for _ in 0..ROUND_COUNT {
            let moment = moment(self.points.number(), whole);
            let server = Server::start(self.program, self.store)?;
            let mut uploads = Uploads::begin(self.program, self.sources, &server)?;
            cut += u32::from(uploads.wait(moment) > 0);
            server.kill()?;
            uploads.kill()?;
            let next = Server::start(self.program, self.store)?;
            there += self.look(&next).with_context(|| format!("server killed after {moment:?}"))?;
            self.empty(&next)?;
            next.stop()?;
            let files = files_in(self.store)?;
            ensure!(
                files == self.clean,
                "stray files: {:?}",
                files.difference(&self.clean).collect::<Vec<_>>()
            );
        }
        ensure!(cut >= ROUND_COUNT / 2, "only {cut} kills came before the last upload was done");
        report.ok(&format!(
            "{ROUND_COUNT} times the server was killed ({cut} in the middle of uploads): the next start shows {there} whole \
             blobs, none in part, and no stray file"
        ));
        Ok(())
    }

    /// Insists that every blob that is visible is one that was put, and whole, and that no file is there besides.
    /// Answers how many there are.
    fn look(&self, server: &Server) -> Result<usize> {
        let aqueduct = self.aqueduct(server);
        let mut expected = self.clean.clone();
        let mut blobs = BTreeMap::new();
        for listed in aqueduct.list()? {
            ensure!(self.sources.digests.contains(&listed.digest), "nobody put {}", listed.digest);
            ensure!(aqueduct.has(&listed.digest)?, "ls lists {}, and has does not know it", listed.digest);
            let path = aqueduct.path_of(&listed.digest)?;
            let inside = path.strip_prefix(self.store)?.to_owned();
            if listed.size > CHECKPOINTED_ABOVE {
                expected.insert(Path::new("checkpoints").join(inside.strip_prefix("blobs")?));
            }
            expected.insert(inside);
            blobs.insert(path, listed.digest);
        }
        let paths: Vec<PathBuf> = blobs.keys().cloned().collect();
        if !paths.is_empty() {
            let sums = agreement::openssl_sums(&paths)?;
            ensure!(sums.iter().eq(blobs.values()), "in part: {sums:?} under {:?}", blobs.values());
        }
        let files = files_in(self.store)?;
        let strays: Vec<_> = files.difference(&expected).collect();
        ensure!(strays.is_empty(), "stray files: {strays:?}");
        Ok(blobs.len())
    }

    fn empty(&self, server: &Server) -> Result<()> {
        let aqueduct = self.aqueduct(server);
        let listed = aqueduct.list()?;
        if listed.is_empty() {
            return Ok(());
        }
        aqueduct.remove(listed.iter().map(|blob| blob.digest.as_str()))
    }

    fn aqueduct(&self, server: &Server) -> Aqueduct {
        Aqueduct::remote(self.program, self.store, server.address())
    }
}

/// Asks until the server has no more descriptors than before: it hears of a peer's death a moment later.
fn insist_on_rest(server: &Server, before: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        curl::insist_on_health(server.address())?;
        let count = server.descriptor_count()?;
        if count <= before {
            return Ok(());
        }
        ensure!(began.elapsed() < REST_MAX, "{count} descriptors, and {before} before");
    }
}

const ROUND_COUNT: u32 = 20;

/// A blob of more than a segment has checkpoints.
const CHECKPOINTED_ABOVE: u64 = 4 << 20;

const TIME_MAX: Duration = Duration::from_secs(300);

/// Far less than any deadline of the server: a closed connection is noticed, not waited out.
const REST_MAX: Duration = Duration::from_secs(10);
