//! One large blob that was not there.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{BYTES, Row};
use crate::bench::figures::gib;
use crate::bench::rivals::contender::Who;
use crate::bench::rivals::goal::SPLICE_AND_HASH;
use crate::bench::rivals::library::Blob;
use crate::bench::rivals::rival::{BARE, NGINX, REGISTRY};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Series, Table};
use crate::bench::run::{self, alternate};
use crate::bench::stream::Body;
use crate::process;

pub(super) const ROW: Row = Row {
    name: "put-1g",
    title: "PUT 1 GiB",
    about: "over one connection, by sendfile(2), to a server that has nothing yet, and without a sync. nginx and the \
            bare loop verify nothing. `SHA-256 alone` is `aqueduct-bench hash --threads 1`; the line above it is the \
            lower of that and the bare loop, at the CPU time of both",
    columns: BYTES,
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let mut arms =
        vec![Arm::Put(Who::Ours("none"), Digest::Sha256), Arm::Put(Who::Ours("none"), Digest::Blake3)];
    arms.extend([Arm::Put(Who::Other(&BARE), Digest::Sha256), Arm::Hash]);
    let rivals = [&NGINX, &REGISTRY].into_iter().filter(|rival| stand.found.has(rival));
    arms.extend(rivals.map(|rival| Arm::Put(Who::Other(rival), Digest::Sha256)));
    let blake3 = blake3(stand)?;
    let rounds = alternate(arms.len(), stand.round_count, |index, _| match arms[index] {
        Arm::Put(who, Digest::Sha256) => put(stand, who, &stand.library.large),
        Arm::Put(who, Digest::Blake3) => put(stand, who, &blake3),
        Arm::Hash => hash(stand),
    })?;
    let all: Vec<Series> =
        arms.iter().zip(rounds).map(|(arm, rounds)| Series::new(arm.name(), rounds)).collect();
    let [sha256, blake3, bare, hash, rivals @ ..] = &all[..] else {
        unreachable!("ours are always measured")
    };
    let limit = Series::new(SPLICE_AND_HASH, bare.rounds.iter().zip(&hash.rounds).map(both).collect());
    let unverified = rivals.iter().filter(|series| series.name != REGISTRY.name);
    let tables = [
        ("sha256", "SHA-256", [sha256, &limit, hash, bare].into_iter().chain(rivals).cloned().collect()),
        ("blake3", "BLAKE3", [blake3, bare].into_iter().chain(unverified).cloned().collect()),
    ];
    Ok(tables.map(|(key, asked, series)| table(key, asked, series)).into())
}

fn table(key: &str, asked: &str, series: Vec<Series>) -> Table {
    Table { key: format!("{}/{key}", ROW.name), asked: asked.to_owned(), series }
}

#[derive(Clone, Copy)]
enum Arm {
    Put(Who, Digest),
    Hash,
}

#[derive(Clone, Copy)]
enum Digest {
    Sha256,
    Blake3,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Self::Put(who, _) => who.name(),
            Self::Hash => "SHA-256 alone",
        }
    }
}

/// The lower speed, and the CPU time of one after the other.
fn both((bare, hash): (&Vec<f64>, &Vec<f64>)) -> Vec<f64> {
    vec![bare[0].min(hash[0]), bare[1] + hash[1]]
}

/// Nothing of it is left.
fn put(stand: &Stand, who: Who, blob: &Blob) -> Result<Vec<f64>> {
    let (contender, root) = stand.writer(ROW.name, who)?;
    let mut stream = contender.connect()?;
    // Once with little, so that what a server does for its first blob has been done.
    let small = &stand.library.small[0];
    contender.layout().put(&mut stream, small, &Body::Bytes(&small.read()?)).with_context(|| who.name())?;
    process::settle(&stand.scratch)?;
    let file = blob.open()?;
    let before = contender.meter().seconds()?;
    let began = Instant::now();
    contender.layout().put(&mut stream, blob, &Body::File(&file, blob.size)).with_context(|| who.name())?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = contender.meter().seconds()? - before;
    drop(stream);
    contender.stop()?;
    fs::remove_dir_all(&root)?;
    Ok(vec![gib(blob.size) / wall, cpu / gib(blob.size)])
}

fn hash(stand: &Stand) -> Result<Vec<f64>> {
    process::settle(&stand.scratch)?;
    let blob = &stand.library.large;
    let bench = stand.found.bench.as_os_str();
    let words = ["hash".as_ref(), blob.path.as_os_str(), "--threads".as_ref(), "1".as_ref()];
    let taken = run::figures(&[&[bench], &words[..]].concat())?.taken()?;
    Ok(vec![gib(blob.size) / taken.wall, taken.cpu / gib(blob.size)])
}

/// The same blob under its other name.
fn blake3(stand: &Stand) -> Result<Blob> {
    let large = &stand.library.large;
    let said = process::run(std::process::Command::new("b3sum").arg("--no-names").arg(&large.path))?;
    let digest = format!("blake3:{}", said.stdout.trim());
    Ok(Blob { name: large.name.clone(), digest, path: large.path.clone(), size: large.size })
}
