//! Many puts over several connections at once, timed.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use super::contender::Contender;
use super::stand::Stand;
use crate::bench::stream::Stream;
use crate::process;

/// Has `put` called with each of `items`, the first of them before anybody looks: then what a server does for its first one has
/// been done. Answers how many of the others were put in a second, and how many microseconds of CPU each took the server.
pub(super) fn put_all<T: Sync>(
    stand: &Stand,
    contender: &Contender,
    items: &[T],
    put: impl Fn(&mut Stream, &T) -> Result<()> + Sync,
) -> Result<Vec<f64>> {
    let (first, others) = items.split_first().context("there is something to put")?;
    let mut streams = (0..CONNECTION_COUNT).map(|_| contender.connect()).collect::<Result<Vec<_>>>()?;
    put(&mut streams[0], first)?;
    process::settle(&stand.scratch)?;
    let before = contender.meter().seconds()?;
    let began = Instant::now();
    thread::scope(|scope| {
        let put = &put;
        let putting: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(first, mut stream)| {
                let mine = others.iter().skip(first).step_by(CONNECTION_COUNT);
                scope.spawn(move || mine.into_iter().try_for_each(|item| put(&mut stream, item)))
            })
            .collect();
        putting.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a panic"))))
    })?;
    let wall = began.elapsed().as_secs_f64();
    figures(others.len(), wall, contender.meter().seconds()? - before)
}

/// Of so many, in a second; and microseconds of CPU for each.
pub(super) fn figures(count: usize, wall: f64, cpu: f64) -> Result<Vec<f64>> {
    let count = f64::from(u32::try_from(count)?);
    Ok(vec![count / wall, cpu * 1e6 / count])
}

const CONNECTION_COUNT: usize = 16;
