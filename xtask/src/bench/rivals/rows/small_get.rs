//! One small blob, again and again.

use anyhow::Result;

use super::{REQUESTS, Row, connections};
use crate::bench::rivals::contender::{Contender, Who};
use crate::bench::rivals::library::Blob;
use crate::bench::rivals::rival::{APACHE, BARE, CADDY, DUFS, LIGHTTPD, MINISERVE, NGINX, REGISTRY};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::Table;
use crate::bench::rivals::wrk::Wrk;

pub(super) const ROW: Row = Row {
    name: "get-4k",
    title: "GET 4 KiB, one file",
    about: "`wrk --threads=1`, for two seconds: wrk has a core, and the server what is left",
    columns: REQUESTS,
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let all = stand.with(&[&BARE, &NGINX, &LIGHTTPD, &APACHE, &CADDY, &DUFS, &MINISERVE, &REGISTRY]);
    small(stand, ROW.name, &stand.library.small[..1], &all)
}

/// At all counts of connections; the slower rivals at the middle one only, which the goals are about.
pub(super) fn small(stand: &Stand, row: &str, blobs: &[Blob], all: &[Who]) -> Result<Vec<Table>> {
    let counts: &[usize] = if stand.is_smoke() { &[4] } else { &[1, 64, 256] };
    let few = stand.with(&[&BARE, &NGINX, &LIGHTTPD]);
    let table = |&count: &usize| {
        let whose = if count == 64 { all } else { &few[..] };
        let titles = (format!("{row}/{count}"), connections(count));
        let ask = |contender: &Contender, seconds| ask(stand, row, contender, blobs, count, seconds);
        let span = if stand.is_smoke() { 1 } else { 2 };
        // A second before anybody looks: then all is in the page cache, and whatever is kept open is open.
        let warm =
            |contender: &Contender| if stand.is_smoke() { Ok(()) } else { ask(contender, 1).map(drop) };
        stand.ask_readers(row, titles, whose, warm, |contender| ask(contender, span))
    };
    counts.iter().map(table).collect()
}

fn ask(
    stand: &Stand,
    row: &str,
    contender: &Contender,
    blobs: &[Blob],
    connection_count: usize,
    seconds: u32,
) -> Result<Vec<f64>> {
    let targets: Vec<String> = blobs.iter().map(|blob| contender.layout().target(blob)).collect();
    let wrk = Wrk::make(&stand.scratch.join(row), &targets)?;
    let before = contender.meter().seconds()?;
    let answered = wrk.run(contender.address(), connection_count, seconds)?;
    let cpu = contender.meter().seconds()? - before;
    Ok(vec![answered.count / answered.seconds, cpu * 1e6 / answered.count])
}
