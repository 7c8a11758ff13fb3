//! Pieces of a blob that is larger than any cache but the page cache.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::{REQUESTS, Row, connections};
use crate::bench::rivals::contender::Contender;
use crate::bench::rivals::library::Blob;
use crate::bench::rivals::rival::{LIGHTTPD, NGINX_RANGES};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::Table;
use crate::filler::Filler;

pub(super) const ROW: Row = Row {
    name: "ranges",
    title: "GET ranges of 64 KiB",
    about: "at random offsets in a blob of 4 GiB that is in the page cache, over 16 connections, for two seconds",
    columns: REQUESTS,
    has_huge: true,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let whose = stand.with(&[&NGINX_RANGES, &LIGHTTPD]);
    let titles = (ROW.name.to_owned(), connections(CONNECTION_COUNT));
    let huge = stand.library.huge.as_ref().context("the row asked for it")?;
    let warm = |contender: &Contender| contender.connect()?.drain(&contender.layout().target(huge)).map(drop);
    let table =
        stand.ask_readers(ROW.name, titles, &whose, warm, |contender| fetch(stand, contender, huge))?;
    Ok(vec![table])
}

fn fetch(stand: &Stand, contender: &Contender, blob: &Blob) -> Result<Vec<f64>> {
    let target = &contender.layout().target(blob);
    let streams = (0..CONNECTION_COUNT).map(|_| contender.connect()).collect::<Result<Vec<_>>>()?;
    let span = Duration::from_secs(if stand.is_smoke() { 1 } else { 2 });
    let before = contender.meter().seconds()?;
    let began = Instant::now();
    let count: u64 = thread::scope(|scope| {
        let fetching: Vec<_> = (1..)
            .zip(streams)
            .map(|(seed, mut stream)| {
                scope.spawn(move || {
                    let mut places = Filler::new(seed);
                    let mut count = 0;
                    while began.elapsed() < span {
                        let start = places.number() % (blob.size - RANGE_LEN);
                        stream.drain_range(target, start..start + RANGE_LEN)?;
                        count += 1;
                    }
                    anyhow::Ok(count)
                })
            })
            .collect();
        let counts =
            fetching.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a panic"))));
        counts.sum::<Result<u64>>()
    })?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = contender.meter().seconds()? - before;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let count = count as f64;
    Ok(vec![count / wall, cpu * 1e6 / count])
}

const CONNECTION_COUNT: usize = 16;

const RANGE_LEN: u64 = 64 << 10;
