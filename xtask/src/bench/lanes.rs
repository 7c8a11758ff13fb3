//! SHA-256 of several messages at once on one thread, beside the same messages one after the other.

use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Spread, gib, print_table};
use super::run::{self, Taken};
use super::{Extent, machine};

pub(super) fn run(program: &Path, extent: Extent) -> Result<()> {
    let program = program.to_str().context("the target directory's path is not UTF-8")?;
    let round_count = if extent == Extent::Full { 11 } else { 1 };
    println!("\nSHA-256 in lanes, of bytes in memory, on one core, {round_count} rounds, arms alternating");
    let mut rows = Vec::new();
    for load in loads(extent) {
        rows.extend(load.measured(program, round_count)?);
    }
    print_table(&["hashed", "lanes", "CPU s/GiB", "times as fast as one lane"], &rows);
    Ok(())
}

/// What is hashed, and how the arm is asked for it.
struct Load {
    name: &'static str,
    arguments: [String; 3],
}

fn loads(extent: Extent) -> [Load; 2] {
    let (count, size) = match extent {
        Extent::Full => (4096, 256 << 20),
        // Segments enough for all lanes.
        Extent::Smoke => (2, 72 << 20),
    };
    let arguments =
        |[arm, flag]: [&str; 2], amount: u64| [arm.to_owned(), flag.to_owned(), amount.to_string()];
    [
        Load { name: "batches of 32 blobs of 4 KiB", arguments: arguments(["batches", "--count"], count) },
        Load {
            name: "the segments of a blob of 256 MiB",
            arguments: arguments(["segments", "--size"], size),
        },
    ]
}

impl Load {
    fn measured(&self, program: &str, round_count: usize) -> Result<[Vec<String>; 2]> {
        let mut arms = LANES.map(|lanes| Arm { lanes, count: String::new(), taken: Vec::new(), gib: 0.0 });
        for round in 0..round_count {
            // Whoever comes first in one round comes last in the next.
            for index in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                self.measure(program, &mut arms[index])?;
            }
        }
        let [one, all] = arms.each_ref().map(Arm::cpus);
        let faster = format!("{:.2}", Spread::of_ratios(&one, &all));
        let [one, all] = arms.map(|arm| {
            let per_gib = Spread::of(arm.cpus().into_iter().map(|seconds| seconds / arm.gib));
            vec![self.name.to_owned(), arm.count, format!("{per_gib:.3}")]
        });
        Ok([[one, vec![String::new()]].concat(), [all, vec![faster]].concat()])
    }

    fn measure(&self, program: &str, arm: &mut Arm) -> Result<()> {
        let core = (machine::core_count() - 1).to_string();
        let mut command = vec!["taskset", "--cpu-list", &core, program];
        command.extend(self.arguments.iter().map(String::as_str));
        command.extend(["--lanes", arm.lanes]);
        let figures = run::figures(&command)?;
        arm.taken.push(figures.taken()?);
        arm.count = figures.text("lanes")?.to_owned();
        arm.gib = gib(figures.text("bytes")?.parse()?);
        Ok(())
    }
}

/// The runs of a load in one lane, or in all.
struct Arm {
    lanes: &'static str,
    /// How many lanes that were.
    count: String,
    taken: Vec<Taken>,
    gib: f64,
}

impl Arm {
    fn cpus(&self) -> Vec<f64> {
        self.taken.iter().map(|taken| taken.cpu).collect()
    }
}

/// What `--lanes` takes.
const LANES: [&str; 2] = ["one", "all"];
