//! Many small blobs that were not there.

use anyhow::{Context, Result};

use super::Row;
use crate::bench::rivals::contender::Who;
use crate::bench::rivals::library::Blob;
use crate::bench::rivals::putting::{figures, put_all};
use crate::bench::rivals::rival::{NGINX, REGISTRY};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Column, Series, Table};
use crate::bench::run::{self, alternate};
use crate::bench::stream::{Body, Stream};
use crate::process;

pub(super) const ROW: Row = Row {
    name: "put-4k",
    title: "PUT 4 KiB",
    about: "over 16 connections, a blob after the other, to a server that has nothing yet. Without a sync beside \
            nginx, which verifies nothing; with `--sync full` beside docker-registry and `aqueduct-bench bare`, 16 \
            threads without a network that create, sync, rename and sync the directory",
    columns: &[
        Column { head: "puts/s", places: 0, ratio: Some("speed: ours / its") },
        Column { head: "CPU us/put", places: 1, ratio: Some("CPU: ours / its") },
    ],
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let has = |rival| if stand.found.has(rival) { Some(Arm::Put(Who::Other(rival))) } else { None };
    let none: Vec<Arm> = [Some(Arm::Put(Who::Ours("none"))), has(&NGINX)].into_iter().flatten().collect();
    let full: Vec<Arm> =
        [Some(Arm::Put(Who::Ours("full"))), Some(Arm::Bare), has(&REGISTRY)].into_iter().flatten().collect();
    Ok(vec![table(stand, "none", "sync none", &none)?, table(stand, "full", "sync full", &full)?])
}

fn table(stand: &Stand, key: &str, asked: &str, arms: &[Arm]) -> Result<Table> {
    let rounds = alternate(arms.len(), stand.round_count, |index, round| {
        let place = format!("{}-{key}-{round}", ROW.name);
        match arms[index] {
            Arm::Put(who) => put(stand, who, &place),
            Arm::Bare => bare(stand, &place),
        }
    })?;
    let series = arms.iter().zip(rounds).map(|(arm, rounds)| Series::new(arm.name(), rounds)).collect();
    Ok(Table { key: format!("{}/{key}", ROW.name), asked: asked.to_owned(), series })
}

#[derive(Clone, Copy)]
enum Arm {
    Put(Who),
    Bare,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Self::Put(who) => who.name(),
            Self::Bare => "bare loop",
        }
    }
}

/// Each time into a new directory, and nothing is removed before the end: ext4 is slow to give out an inode that was
/// just freed.
fn put(stand: &Stand, who: Who, place: &str) -> Result<Vec<f64>> {
    let all = &stand.library.small;
    let count = match who {
        Who::Other(rival) if rival.name == REGISTRY.name => REGISTRY_COUNT,
        Who::Ours("full") => FULL_COUNT,
        _ => all.len(),
    };
    let read = |blob| anyhow::Ok((blob, Blob::read(blob)?));
    let blobs = all[..all.len().min(count)].iter().map(read).collect::<Result<Vec<_>>>()?;
    let (contender, _) = stand.writer(place, who)?;
    let layout = contender.layout();
    let put =
        |stream: &mut Stream, (blob, bytes): &(&Blob, Vec<u8>)| layout.put(stream, blob, &Body::Bytes(bytes));
    let figures = put_all(stand, &contender, &blobs, put).with_context(|| who.name())?;
    contender.stop()?;
    Ok(figures)
}

fn bare(stand: &Stand, place: &str) -> Result<Vec<f64>> {
    let dir = stand.scratch.join(place).join("bare");
    let count = stand.library.small.len().min(FULL_COUNT);
    process::settle(&stand.scratch)?;
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned).context("its path is not UTF-8");
    let words = [text(&stand.found.bench)?, "bare".to_owned(), "--dir".to_owned(), text(&dir)?];
    let numbers = ["--sync", "full", "--writers", "16", "--count"].map(str::to_owned);
    let taken = run::figures(&[&words[..], &numbers, &[count.to_string()]].concat())?.taken()?;
    figures(count, taken.wall, taken.cpu)
}

const FULL_COUNT: usize = 8_000;

/// It takes as long for these as others take for all.
const REGISTRY_COUNT: usize = 400;
