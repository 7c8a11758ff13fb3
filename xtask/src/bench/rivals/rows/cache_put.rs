//! A build cache that fills.

use anyhow::{Context, Result};

use super::Row;
use crate::bench::rivals::contender::Who;
use crate::bench::rivals::keyed::{Batch, Keyed, Kind};
use crate::bench::rivals::putting::put_all;
use crate::bench::rivals::rival::NGINX;
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::{Column, Series, Table};
use crate::bench::run::alternate;
use crate::bench::stream::Stream;

pub(super) const ROW: Row = Row {
    name: "cache-put",
    title: "Build cache: PUT",
    about: "over 16 connections, one after the other, to a server that has nothing yet. Beside nginx with WebDAV and \
            `create_full_put_path`, which verifies nothing and syncs nothing, in either table. Ours hashes everything and compares \
            `cas/` with its name; it takes a result (`ac/`) once all that it refers to is here; with `--sync full` it answers when \
            both are on the medium",
    columns: &[
        Column { head: "puts/s", places: 0, ratio: Some("speed: ours / its") },
        Column { head: "CPU us/put", places: 1, ratio: Some("CPU: ours / its") },
    ],
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for sync in ["none", "full"] {
        for (size, name, count) in SIZES {
            for kind in Kind::ALL {
                let count = match sync {
                    _ if stand.is_smoke() => 32,
                    "full" => count / 2,
                    _ => count,
                };
                let batch = Batch::make(stand, kind, size, count)?;
                let key = format!("{}/{}-{name}-{sync}", ROW.name, kind.name());
                let asked = format!("{}/, {} KiB, sync {sync}", kind.name(), size >> 10);
                tables.push(table(stand, sync, &batch, key, asked)?);
            }
        }
    }
    Ok(tables)
}

fn table(stand: &Stand, sync: &'static str, batch: &Batch, key: String, asked: String) -> Result<Table> {
    let whose: Vec<Who> = [Who::Ours(sync)].into_iter().chain(stand.with(&[&NGINX]).split_off(1)).collect();
    let rounds = alternate(whose.len(), stand.round_count, |index, round| {
        let (contender, _) = stand.writer(&format!("{}-{round}", key.replace('/', "-")), whose[index])?;
        batch.put_outputs(&contender)?;
        let put = |stream: &mut Stream, keyed: &Keyed| keyed.put(stream);
        let figures =
            put_all(stand, &contender, &batch.all, put).with_context(|| whose[index].name().to_owned())?;
        contender.stop()?;
        Ok(figures)
    })?;
    let series = whose.iter().zip(rounds).map(|(who, rounds)| Series::new(who.name(), rounds)).collect();
    Ok(Table { key, asked, series })
}

/// In bytes and as goals name them, with how many are put.
const SIZES: [(u64, &str, usize); 2] = [(1 << 10, "1k", 10_000), (64 << 10, "64k", 4_000)];
