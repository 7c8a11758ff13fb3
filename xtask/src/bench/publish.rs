//! Publishing small blobs, beside a loop of the system calls that it cannot do without.

use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Spread, print_table};
use super::run::{self, Taken};
use super::{Extent, machine, syncs};
use crate::process;

pub(super) fn run(program: &Path, scratch: &Path, extent: Extent) -> Result<()> {
    let program = program.to_str().context("the target directory's path is not UTF-8")?;
    let round_count = if extent == Extent::Full { 7 } else { 1 };
    println!("{}", machine::describe(scratch)?);
    println!("Blobs of 4 KiB, {round_count} rounds, arms alternating, each run in a new directory tree\n");
    println!(
        "Median (min-max). `bare` creates, writes, syncs the bytes, renames and syncs the directory; where sync is"
    );
    println!("none it leaves the syncs out. CPU is the process's own: the journal's thread is not in it.");
    let mut rows = Vec::new();
    for load in LOADS {
        let count = if extent == Extent::Full { load.count } else { 32 };
        rows.extend(Comparison { program, scratch, load, count }.rows(round_count)?);
    }
    print_table(&HEAD, &rows);
    Ok(())
}

/// What is asked of either side.
struct Load {
    sync: &'static str,
    writers: u32,
    count: u32,
}

struct Comparison<'a> {
    program: &'a str,
    scratch: &'a Path,
    load: &'a Load,
    count: u32,
}

impl Comparison<'_> {
    fn rows(&self, round_count: usize) -> Result<[Vec<String>; 2]> {
        let mut taken = [Vec::new(), Vec::new()];
        for round in 0..round_count {
            // Whoever comes first in one round comes last in the next.
            for index in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                taken[index].push(self.measure(SIDES[index], round)?);
            }
        }
        let [ours, bare] = &taken;
        let per_second = |taken: &Taken| f64::from(self.count) / taken.wall;
        let micros = |taken: &Taken| taken.cpu * 1e6 / f64::from(self.count);
        let row = |side: &str, taken: &[Taken], ratios: [String; 2]| {
            let syncs = if self.load.sync == "full" { self.syncs(side)? } else { "0".to_owned() };
            let [rate_ratio, cpu_ratio] = ratios;
            anyhow::Ok(vec![
                self.load.sync.to_owned(),
                self.load.writers.to_string(),
                side.to_owned(),
                format!("{}", Spread::of(taken.iter().map(per_second))),
                format!("{}", Spread::of(taken.iter().map(micros))),
                syncs,
                rate_ratio,
                cpu_ratio,
            ])
        };
        let compare = |figure: &dyn Fn(&Taken) -> f64| {
            let of = |taken: &[Taken]| taken.iter().map(figure).collect::<Vec<f64>>();
            format!("{:.2}", Spread::of_ratios(&of(ours), &of(bare)))
        };
        let ratios = [compare(&per_second), compare(&micros)];
        Ok([row("publish", ours, ratios)?, row("bare", bare, Default::default())?])
    }

    /// Nothing is removed before the whole workload is done: ext4 is slow to give out an inode that was just freed.
    fn measure(&self, side: &str, round: usize) -> Result<Taken> {
        process::settle(self.scratch)?;
        run::figures(&self.command(side, &format!("round-{round}"), self.count)?)?.taken()
    }

    /// Syncs for one blob, without those that make the store.
    fn syncs(&self, side: &str) -> Result<String> {
        let count = self.count.min(SYNC_COUNT_MAX);
        let none = syncs::count(&self.command(side, "syncs-none", 0)?, self.scratch)?;
        let some = syncs::count(&self.command(side, "syncs-some", count)?, self.scratch)?;
        Ok(format!("{:.2}", (f64::from(some) - f64::from(none)) / f64::from(count)))
    }

    fn command(&self, side: &str, tree: &str, count: u32) -> Result<Vec<String>> {
        let Load { sync, writers, .. } = self.load;
        let place = self.scratch.join(format!("{side}-{sync}-{writers}-{tree}"));
        let place = place.to_str().context("the target directory's path is not UTF-8")?;
        let option = if side == "publish" { "--store" } else { "--dir" };
        let words = [self.program, side, option, place, "--sync", sync, "--count"];
        let numbers = [count.to_string(), "--writers".to_owned(), writers.to_string()];
        Ok(words.into_iter().map(str::to_owned).chain(numbers).collect())
    }
}

const SIDES: [&str; 2] = ["publish", "bare"];

/// Few enough that one run takes about a second, and many enough that its ends do not count.
const LOADS: &[Load] = &[
    Load { sync: "full", writers: 1, count: 2_000 },
    Load { sync: "full", writers: 16, count: 8_000 },
    Load { sync: "none", writers: 1, count: 20_000 },
    Load { sync: "none", writers: 16, count: 20_000 },
];

/// Under strace(1) a run takes many times as long.
const SYNC_COUNT_MAX: u32 = 1_000;

const HEAD: [&str; 8] =
    ["sync", "writers", "arm", "blobs/s", "CPU us/blob", "syncs/blob", "rate / bare", "CPU / bare"];
