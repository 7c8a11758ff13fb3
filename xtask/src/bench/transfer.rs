//! `cargo xtask bench-transfer`: one file, and one tree, from one host to another, by `aqueduct send` and by what others use.
//!
//! The hosts are two network namespaces joined by veth(4), and their disk is one. Nothing but what a tool says decides that
//! it is done: what is timed ends when the processes of both ends have ended.

mod bout;
mod goal;
mod side;
mod tool;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::figures::{Spread, print_table};
use super::{Extent, build, machine};
use crate::scratch::Scratch;
use crate::{metadata, tools};
use bout::{Bout, Cost};
use tool::{ROWS, Row};

/// What is asked of `cargo xtask bench-transfer`.
pub(crate) struct Options {
    rows: Vec<&'static Row>,
    round_count: usize,
    extent: Extent,
    /// Of the large file.
    size: u64,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self { rows: Vec::new(), round_count: 0, extent: Extent::Full, size: 0 };
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next() {
            match word {
                "--only" => {
                    while let Some(name) = words.next_if(|word| !word.starts_with("--")) {
                        options.rows.push(row(name)?);
                    }
                    ensure!(!options.rows.is_empty(), "--only names rows: {}", names());
                }
                "--rounds" => {
                    let count = words.next().and_then(|count| count.parse().ok()).filter(|&count| count > 0);
                    options.round_count = count.context("--rounds takes a number")?;
                }
                "--size" => {
                    let size = words.next().and_then(parse_gib).filter(|&size| size > 0);
                    options.size = size.context("--size takes GiB, as in 4g")?;
                }
                "--smoke" => options.extent = Extent::Smoke,
                other => bail!("{other} is not known; there are --only, --rounds, --size and --smoke"),
            }
        }
        if options.rows.is_empty() {
            options.rows = ROWS.iter().collect();
        }
        let (round_count, size) = match options.extent {
            Extent::Full => (ROUND_COUNT, 4 << 30),
            Extent::Smoke => (1, (9 << 20) + 1),
        };
        if options.round_count == 0 {
            options.round_count = round_count;
        }
        if options.size == 0 {
            options.size = size;
        }
        Ok(options)
    }
}

/// Measures, and prints Markdown.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    tools::install(root)?;
    tools::install_for_transfer()?;
    let scratch = Scratch::make(&metadata::target_dir(root)?.join("bench-transfer"))?;
    let programs = Programs {
        aqueduct: build(root, "aqueduct", options.extent)?,
        bench: build(root, "aqueduct-bench", options.extent)?,
        sshd: tools::sshd(root).ok(),
        // A smoke test fetches nothing for it.
        wormhole: if options.extent == Extent::Full { tools::wormhole(root).ok() } else { None },
        // Nor builds it.
        sendme: if options.extent == Extent::Full { tools::sendme(root).ok() } else { None },
    };
    let bout = Bout::prepare(&programs, scratch.dir(), options)?;
    println!(
        "{}; veth between two network namespaces, congestion control {}",
        machine::describe(scratch.dir())?,
        machine::congestion_control()?
    );
    println!(
        "{} rounds, arms alternating. The load in the minute before this was {}.",
        options.round_count,
        machine::load()?
    );
    let mut tables = Vec::new();
    for row in &options.rows {
        let table = bout.measure(row, options.round_count).with_context(|| row.name)?;
        table.print();
        tables.push(table);
    }
    let failed: Vec<_> = tables.iter().flat_map(|table| &table.failed).collect();
    ensure!(failed.is_empty(), "{failed:?} failed");
    println!("\n### Goals\n\n{}", goal::markdown(&tables));
    if options.extent == Extent::Smoke {
        println!("Every row ran. This was a smoke test: its figures mean nothing.");
    }
    Ok(())
}

/// What is ours, and what is not found by its name.
struct Programs {
    aqueduct: PathBuf,
    bench: PathBuf,
    sshd: Option<PathBuf>,
    /// The directory that it is in.
    wormhole: Option<PathBuf>,
    sendme: Option<PathBuf>,
}

/// What was measured of a row.
struct Table {
    row: &'static Row,
    /// By the names of tools.
    series: Vec<Series>,
    /// Of ours.
    failed: Vec<&'static str>,
}

struct Series {
    name: &'static str,
    verified: &'static str,
    costs: Vec<Cost>,
}

impl Table {
    /// How one tool stands to another, round by round; none if either was not measured.
    fn ratio(&self, ours: &str, theirs: &str, figure: fn(&Cost) -> f64) -> Option<Spread> {
        let column = |name| {
            let series = self.series.iter().find(|series| series.name == name)?;
            Some(series.costs.iter().map(figure).collect::<Vec<_>>())
        };
        Some(Spread::of_ratios(&column(ours)?, &column(theirs)?))
    }

    fn print(&self) {
        println!("\n### {}\n\n`{}`: {}.", self.row.title, self.row.name, self.row.about);
        let ours = self.row.tools[0].name;
        let spread = |series: &Series, figure: fn(&Cost) -> f64| Spread::of(series.costs.iter().map(figure));
        let rows: Vec<_> = self
            .series
            .iter()
            .map(|series| {
                let ratio = self.ratio(ours, series.name, Cost::speed).filter(|_| series.name != ours);
                vec![
                    series.name.to_owned(),
                    series.verified.to_owned(),
                    format!("{:.2}", spread(series, Cost::speed)),
                    format!("{:.2}", spread(series, Cost::sender)),
                    format!("{:.2}", spread(series, Cost::receiver)),
                    format!("{:.2}", spread(series, Cost::total)),
                    ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
                ]
            })
            .collect();
        let heads = [
            "tool",
            "verified",
            "GiB/s",
            "sender CPU s/GiB",
            "receiver CPU s/GiB",
            "both",
            "the first is so many times as fast",
        ];
        print_table(&heads, &rows);
    }
}

fn row(name: &str) -> Result<&'static Row> {
    ROWS.iter().find(|row| row.name == name).with_context(|| format!("{name} is none of: {}", names()))
}

fn names() -> String {
    ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

/// Reads `4g`.
fn parse_gib(word: &str) -> Option<u64> {
    let count: u64 = word.strip_suffix(['g', 'G'])?.parse().ok()?;
    count.checked_mul(1 << 30)
}

/// Enough for a median that one bad round does not move.
const ROUND_COUNT: usize = 5;

#[cfg(test)]
mod tests;
