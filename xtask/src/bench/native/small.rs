//! Many files of 4 KiB, up and down: on loopback beside a bare loop that creates them, and over a distance beside HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::asker::Asker;
use super::distance::Distance;
use super::{Cost, Stand, alternate};
use crate::bench::figures::{Spread, print_table};
use crate::bench::run;
use crate::bench::stream::Stream;
use crate::process;

/// The files that are put, as the bare loop makes them.
pub(super) struct Sources {
    pub(super) dir: PathBuf,
    /// Each with its digest.
    pub(super) files: Vec<(String, String)>,
}

impl Sources {
    pub(super) fn make(stand: &Stand<'_>, count: u32) -> Result<Self> {
        let dir = stand.scratch.join("sources");
        run::figures(&bare(stand, &dir, 1, count)?)?;
        let line = r#"cd "$1" && find . -type f -printf '%P\0' | xargs -0 sha256sum --"#;
        let said = process::run(Command::new("bash").args(["-c", line, "bash"]).arg(&dir))?;
        let files = said
            .stdout
            .lines()
            .map(|line| {
                let (hex, name) = line.split_once("  ").with_context(|| format!("sha256sum: {line}"))?;
                Ok((format!("{}/{name}", dir.display()), format!("sha256:{hex}")))
            })
            .collect::<Result<Vec<_>>>()?;
        ensure!(u32::try_from(files.len()) == Ok(count), "{} files, and not {count}", files.len());
        Ok(Self { dir, files })
    }

    fn count(&self) -> u32 {
        u32::try_from(self.files.len()).expect("it was counted")
    }
}

/// On loopback. Here as over a distance every run makes its files in a new directory, and nothing is removed before the
/// whole workload is done: ext4 is slow to create files near inodes that were freed a moment ago.
pub(super) fn near(stand: &Stand<'_>, sources: &Sources, round_count: usize) -> Result<()> {
    let costs = alternate(2, round_count, |arm, round| {
        if arm == 0 {
            return both_ways(stand, sources, Asker::Native, &format!("near-{round}"), false);
        }
        // As the store lays them out, and as `get` does.
        let run = |name: &str, shard_count| {
            process::settle(stand.scratch)?;
            let dir = stand.scratch.join(format!("bare-{name}-{round}"));
            let taken = run::figures(&bare(stand, &dir, shard_count, sources.count())?)?.taken()?;
            anyhow::Ok(Cost { taken, server_cpu: None })
        };
        Ok([run("put", 256)?, run("get", 1)?])
    })?;
    println!(
        "{} files of 4 KiB, loopback, {round_count} rounds. `bare` is a loop that creates, writes and closes the same",
        sources.count()
    );
    println!(
        "files, in one thread and timed from inside; what is ours is timed from the client's start to its end."
    );
    let ratios = print(sources, &["native", "bare"], &costs);
    for (what, ratio) in WAYS.iter().zip(&ratios[0]) {
        let answer = if ratio.median >= NEAR_MIN { "yes" } else { "NO" };
        println!("At least {NEAR_MIN} of a bare loop, {what}: {answer}, {ratio:.2}");
    }
    println!();
    Ok(())
}

/// Over a round trip of a millisecond.
pub(super) fn far(stand: &Stand<'_>, sources: &Sources, round_count: usize) -> Result<()> {
    let askers = [Asker::Native, Asker::Http, Asker::Curl];
    let costs = alternate(askers.len(), round_count, |arm, round| {
        both_ways(stand, sources, askers[arm], &format!("far-{arm}-{round}"), true)
    })?;
    println!(
        "{} files of 4 KiB, {round_count} rounds, a round trip of {:.2} ms, by a proxy that passes on later",
        sources.count(),
        round_trip(stand)?.times(1e3)
    );
    let ratios = print(sources, &askers.map(Asker::name), &costs);
    for (what, place) in WAYS.iter().zip(0..) {
        let ratio =
            ratios.iter().map(|ratios| ratios[place]).reduce(|a, b| if a.median < b.median { a } else { b });
        let ratio = ratio.context("there are rivals")?;
        let answer = if ratio.median >= FAR_MIN { "yes" } else { "NO" };
        println!("At least {FAR_MIN} times as fast as the faster of HTTP, {what}: {answer}, {ratio:.1}");
    }
    println!();
    Ok(())
}

/// Puts all files into a new store and gets them again.
fn both_ways(
    stand: &Stand<'_>,
    sources: &Sources,
    asker: Asker,
    name: &str,
    is_far: bool,
) -> Result<[Cost; 2]> {
    let (server, meter) = stand.serve(&format!("{name}-store"))?;
    let distance = is_far.then(|| Distance::before(server.host())).transpose()?;
    let host = distance.as_ref().map_or(server.host().to_owned(), Distance::host);
    let target = stand.scratch.join(format!("{name}-out"));
    let measure = |command: Vec<String>| {
        process::settle(stand.scratch)?;
        let before = meter.seconds()?;
        let taken = run::timed(&command, None)?;
        anyhow::Ok(Cost { taken, server_cpu: Some(meter.seconds()? - before) })
    };
    let put = measure(asker.put(stand, sources, &host)?)?;
    let fetched = measure(asker.fetch(stand, sources, &host, &target)?)?;
    let count = fs::read_dir(&target)?.count();
    ensure!(count == sources.files.len(), "{count} files came of {}", sources.files.len());
    drop(distance);
    server.stop()?;
    Ok([put, fetched])
}

/// Answers how the first arm's speed stands to that of each other one, for either way.
fn print(sources: &Sources, names: &[&str], costs: &[Vec<[Cost; 2]>]) -> Vec<[Spread; 2]> {
    let count = f64::from(sources.count());
    let rates = |arm: usize, way: usize| -> Vec<f64> {
        costs[arm].iter().map(|both| count / both[way].taken.wall).collect()
    };
    let ratio = |arm: usize, way: usize| Spread::of_ratios(&rates(0, way), &rates(arm, way));
    let mut rows = Vec::new();
    for (way, what) in WAYS.into_iter().enumerate() {
        for (arm, name) in names.iter().enumerate() {
            let costs = costs[arm].iter().map(|both| both[way]);
            let micros = |seconds: f64| seconds * 1e6 / count;
            let server: Option<Vec<f64>> = costs.clone().map(|cost| cost.server_cpu.map(micros)).collect();
            rows.push(vec![
                what.to_owned(),
                (*name).to_owned(),
                format!("{}", Spread::of(rates(arm, way))),
                format!("{}", Spread::of(costs.map(|cost| micros(cost.taken.cpu)))),
                server.map(|server| format!("{}", Spread::of(server))).unwrap_or_default(),
                if arm == 0 { String::new() } else { format!("{:.2}", ratio(arm, way)) },
            ]);
        }
    }
    print_table(&HEAD, &rows);
    (1..names.len()).map(|arm| [ratio(arm, 0), ratio(arm, 1)]).collect()
}

/// Seconds from a question to its answer.
fn round_trip(stand: &Stand<'_>) -> Result<Spread> {
    let (server, _) = stand.serve("round-trip")?;
    let distance = Distance::before(server.host())?;
    let mut stream = Stream::connect(&format!("http://{}", distance.host()))?;
    let mut times = Vec::new();
    for _ in 0..ASK_COUNT {
        let began = std::time::Instant::now();
        stream.drain("/healthz")?;
        times.push(began.elapsed().as_secs_f64());
    }
    drop((stream, distance));
    server.stop()?;
    Ok(Spread::of(times))
}

fn bare(stand: &Stand<'_>, dir: &Path, shard_count: u32, count: u32) -> Result<Vec<String>> {
    let text =
        |path: &Path| path.to_str().map(str::to_owned).context("the target directory's path is not UTF-8");
    let mut words = vec![text(stand.bench)?, "bare".to_owned(), "--dir".to_owned(), text(dir)?];
    for (flag, value) in [("--shards", shard_count.to_string()), ("--count", count.to_string())] {
        words.extend([flag.to_owned(), value]);
    }
    words.extend(["--in-place", "--sync", "none"].map(str::to_owned));
    Ok(words)
}

const WAYS: [&str; 2] = ["put", "get"];

/// What was promised.
const NEAR_MIN: f64 = 0.7;
const FAR_MIN: f64 = 5.0;

const ASK_COUNT: usize = 200;

const HEAD: [&str; 6] =
    ["asked", "arm", "files/s", "client CPU us/file", "server CPU us/file", "native / arm"];
