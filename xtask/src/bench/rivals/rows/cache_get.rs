//! A build cache that is asked.

use anyhow::{Context, Result};

use super::{REQUESTS, Row};
use crate::bench::rivals::contender::{Contender, Who};
use crate::bench::rivals::keyed::{Batch, Kind};
use crate::bench::rivals::rival::NGINX;
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::Table;
use crate::bench::rivals::wrk::Wrk;

pub(super) const ROW: Row = Row {
    name: "cache-get",
    title: "Build cache: GET",
    about: "`wrk --threads=1` for two seconds over 64 connections, each request for one of the keys, chosen at random. Beside nginx \
            with WebDAV, which serves whatever lies under a name. Ours hashed what it serves when it came into memory, and serves a \
            result (`ac/`) while all that it refers to is here",
    columns: REQUESTS,
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (size, name, count) in SIZES {
        for kind in Kind::ALL {
            let count = if stand.is_smoke() { 32 } else { count };
            let batch = Batch::make(stand, kind, size, count)?;
            let key = format!("{}/{}-{name}", ROW.name, kind.name());
            let asked = format!("{}/, {} KiB, {count} keys", kind.name(), size >> 10);
            tables.push(table(stand, &batch, key, asked)?);
        }
    }
    Ok(tables)
}

fn table(stand: &Stand, batch: &Batch, key: String, asked: String) -> Result<Table> {
    let whose = stand.with(&[&NGINX]);
    let place = key.replace('/', "-");
    let start = |&who: &Who| {
        let (contender, _) = stand.writer(&place, who)?;
        batch.put_outputs(&contender)?;
        let mut stream = contender.connect()?;
        batch.all.iter().try_for_each(|keyed| keyed.put(&mut stream)).with_context(|| who.name())?;
        anyhow::Ok(contender)
    };
    let contenders = whose.iter().map(start).collect::<Result<Vec<_>>>()?;
    let targets: Vec<String> = batch.all.iter().map(|keyed| keyed.target.clone()).collect();
    let wrk = Wrk::make(&stand.scratch.join(&place), &targets)?;
    // As often as it takes to have all of them in memory.
    contenders.iter().try_for_each(|contender| ask(&wrk, contender, 1).map(drop))?;
    let span = if stand.is_smoke() { 1 } else { 2 };
    let series = stand.compare(&whose, stand.round_count, |index, _| ask(&wrk, &contenders[index], span))?;
    contenders.into_iter().try_for_each(Contender::stop)?;
    Ok(Table { key, asked, series })
}

fn ask(wrk: &Wrk, contender: &Contender, seconds: u32) -> Result<Vec<f64>> {
    let before = contender.meter().seconds()?;
    let answered = wrk.run(contender.address(), CONNECTION_COUNT, seconds)?;
    let cpu = contender.meter().seconds()? - before;
    Ok(vec![answered.count / answered.seconds, cpu * 1e6 / answered.count])
}

const CONNECTION_COUNT: usize = 64;

/// In bytes and as goals name them, with how many keys there are.
const SIZES: [(u64, &str, usize); 2] = [(1 << 10, "1k", 10_000), (64 << 10, "64k", 1_000)];
