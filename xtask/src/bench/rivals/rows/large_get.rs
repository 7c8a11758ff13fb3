//! One large blob.

use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};

use super::{BYTES, Row, connections};
use crate::bench::figures::gib;
use crate::bench::rivals::contender::Contender;
use crate::bench::rivals::rival::{APACHE, BARE, CADDY, DUFS, LIGHTTPD, MINISERVE, NGINX, REGISTRY};
use crate::bench::rivals::stand::Stand;
use crate::bench::rivals::table::Table;

pub(super) const ROW: Row = Row {
    name: "get-1g",
    title: "GET 1 GiB",
    about: "all of it is in the page cache; a client that throws away what comes (`MSG_TRUNC`), a thread a connection",
    columns: BYTES,
    has_huge: false,
    measure,
};

fn measure(stand: &Stand) -> Result<Vec<Table>> {
    let counts: &[usize] = if stand.is_smoke() { &[1] } else { &[1, 4, 16] };
    let all = stand.with(&[&BARE, &NGINX, &LIGHTTPD, &APACHE, &CADDY, &DUFS, &MINISERVE, &REGISTRY]);
    let few = stand.with(&[&BARE, &NGINX, &LIGHTTPD]);
    let table = |&count: &usize| {
        let whose = if count == 1 { &all } else { &few };
        let titles = (format!("{}/{count}", ROW.name), connections(count));
        let warm = |contender: &Contender| {
            contender.connect()?.drain(&contender.layout().target(&stand.library.large)).map(drop)
        };
        stand.ask_readers(ROW.name, titles, whose, warm, |contender| fetch(stand, contender, count))
    };
    counts.iter().map(table).collect()
}

/// At least so often in all that hundredths of a second of CPU time are enough to tell.
fn fetch(stand: &Stand, contender: &Contender, connection_count: usize) -> Result<Vec<f64>> {
    let blob = &stand.library.large;
    let target = &contender.layout().target(blob);
    let mut streams = (0..connection_count).map(|_| contender.connect()).collect::<Result<Vec<_>>>()?;
    // The connections have found their speed before anybody looks at a clock.
    for stream in &mut streams[..connection_count.min(WARM_COUNT)] {
        stream.drain(target)?;
    }
    let count = (FETCH_COUNT / connection_count).max(1);
    let before = contender.meter().seconds()?;
    let began = Instant::now();
    thread::scope(|scope| {
        let fetching: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                scope.spawn(move || {
                    for _ in 0..count {
                        ensure!(stream.drain(target)? == blob.size, "it is of another size");
                    }
                    Ok(())
                })
            })
            .collect();
        fetching.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a panic"))))
    })?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = contender.meter().seconds()? - before;
    let moved = gib(blob.size * (count * connection_count) as u64);
    Ok(vec![moved / wall, cpu / moved])
}

const FETCH_COUNT: usize = 8;

const WARM_COUNT: usize = 1;
