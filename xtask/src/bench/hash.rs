//! Hashing and verifying, beside the programs that people hash with.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Spread, gib, print_table};
use super::run::{self, Taken};
use super::{Extent, lanes, machine};
use crate::filler::Filler;

pub(super) fn run(program: &Path, scratch: &Path, extent: Extent) -> Result<()> {
    let (size, round_count) = match extent {
        Extent::Full => (1 << 30, 11),
        // More than one segment, so that there are checkpoints, and a last one that is not full.
        Extent::Smoke => ((9 << 20) + 1, 1),
    };
    let file = scratch.join("file");
    Filler::new(1).write_file(&file, size)?;
    warm(&file)?;
    let arms = arms(program, &file)?;
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); arms.len()];
    for round in 0..round_count {
        // There and back again: whoever comes first in one round comes last in the next.
        let order: Vec<usize> =
            if round % 2 == 0 { (0..arms.len()).collect() } else { (0..arms.len()).rev().collect() };
        for index in order {
            taken[index].push(run::timed(&arms[index].command, arms[index].core)?);
        }
    }
    let report = Report { arms: &arms, taken: &taken, gib: gib(size) };
    report.print(round_count, scratch)?;
    lanes::run(program, extent)
}

/// One command line to be measured.
struct Arm {
    name: &'static str,
    /// As a person would type it.
    typed: String,
    command: Vec<String>,
    /// Where it is held, if it is.
    core: Option<usize>,
    /// The arm it is compared with.
    rival: Option<&'static str>,
}

/// Every arm, and before that the checkpoints that some of them use.
fn arms(program: &Path, file: &Path) -> Result<Vec<Arm>> {
    let program = program.to_str().context("the target directory's path is not UTF-8")?;
    let path = file.to_str().context("the target directory's path is not UTF-8")?;
    let all = machine::core_count();
    let last = all - 1;
    let mut arms = Vec::new();
    let mut add = |name, text: &str, digest: &str, core: Option<usize>, rival| {
        let fill = |word: &str| match word {
            "BENCH" => program.to_owned(),
            "DIGEST" => digest.to_owned(),
            word => word.replace("FILE", path),
        };
        let pin = core.map(|core| format!("taskset --cpu-list {core} ")).unwrap_or_default();
        let typed = format!("{pin}{}", text.replace("BENCH", "aqueduct-bench"));
        let command = text.split(' ').map(fill).collect();
        arms.push(Arm { name, typed, command, core, rival });
    };
    add(OPENSSL, "openssl dgst -sha256 FILE", "", Some(last), None);
    add(HASH, "BENCH hash FILE --digest sha256 --threads 1", "", Some(last), Some(OPENSSL));
    add(B3SUM, "b3sum --num-threads 1 FILE", "", Some(last), None);
    add("BLAKE3: b3sum, not mapped", "b3sum --no-mmap --num-threads 1 FILE", "", Some(last), Some(B3SUM));
    add("BLAKE3: ours, hash", "BENCH hash FILE --digest blake3 --threads 1", "", Some(last), Some(B3SUM));
    for (algorithm, pinned, rival, [one, every]) in
        [("sha256", Some(VERIFY), OPENSSL, SHA256_SCALING), ("blake3", None, B3SUM, BLAKE3_SCALING)]
    {
        let list = format!("{path}.{algorithm}");
        let hashed = run::figures(&[program, "hash", path, "--digest", algorithm, "--checkpoints", &list])?;
        let digest = hashed.text("digest")?;
        let verify = |threads| {
            format!("BENCH verify FILE --digest DIGEST --checkpoints FILE.{algorithm} --threads {threads}")
        };
        if let Some(name) = pinned {
            add(name, &verify(1), digest, Some(last), Some(rival));
        }
        add(one, &verify(1), digest, None, None);
        add(every, &verify(all), digest, None, Some(one));
    }
    Ok(arms)
}

struct Report<'a> {
    arms: &'a [Arm],
    taken: &'a [Vec<Taken>],
    gib: f64,
}

impl Report<'_> {
    fn print(&self, round_count: usize, scratch: &Path) -> Result<()> {
        println!("{}", machine::describe(scratch)?);
        println!("{}; {}", machine::version("openssl", "version")?, machine::version("b3sum", "--version")?);
        println!("{:.2} GiB in the page cache, {round_count} rounds, arms alternating\n", self.gib);
        println!("Median (min-max). The last two columns compare with the named arm round by round.");
        let rows: Vec<Vec<String>> = self.arms.iter().map(|arm| self.row(arm)).collect();
        print_table(&["arm", "wall s/GiB", "CPU s/GiB", "beside", "wall ratio", "CPU ratio"], &rows);
        for arm in self.arms {
            println!("- {}: `{}`", arm.name, arm.typed);
        }
        println!();
        self.judge();
        Ok(())
    }

    fn row(&self, arm: &Arm) -> Vec<String> {
        let per_gib = |values: Vec<f64>| Spread::of(values.into_iter().map(|seconds| seconds / self.gib));
        let wall = format!("{:.3}", per_gib(self.walls(arm.name)));
        let cpu = format!("{:.3}", per_gib(self.cpus(arm.name)));
        let (beside, wall_ratio, cpu_ratio) = match arm.rival {
            None => Default::default(),
            Some(rival) => (
                rival.to_owned(),
                format!("{:.3}", Spread::of_ratios(&self.walls(arm.name), &self.walls(rival))),
                format!("{:.3}", self.cpu_ratio(arm.name, rival)),
            ),
        };
        vec![arm.name.to_owned(), wall, cpu, beside, wall_ratio, cpu_ratio]
    }

    /// Holds the figures against what was promised. In words: a noisy machine must not fail a build.
    fn judge(&self) {
        let waited = Spread::of_ratios(&self.walls(SHA256_SCALING[0]), &self.cpus(SHA256_SCALING[0]));
        if waited.median > WAITED_MAX {
            println!(
                "The machine was busy: one thread took {waited:.2} times its CPU time. Only CPU times count.\n"
            );
        }
        for name in [HASH, VERIFY] {
            let ratio = self.cpu_ratio(name, OPENSSL);
            let answer = if ratio.median <= SLOWER_MAX { "yes" } else { "NO" };
            println!(
                "At most 5 % slower than openssl on one core, {name}: {answer}, {ratio:.3} of its CPU time."
            );
        }
        for [one, every] in [SHA256_SCALING, BLAKE3_SCALING] {
            let speedup = Spread::of_ratios(&self.walls(one), &self.walls(every));
            println!(
                "{every}: {speedup:.2} times as fast as one thread, on {} cores.",
                machine::core_count()
            );
        }
    }

    fn cpu_ratio(&self, name: &str, rival: &str) -> Spread {
        Spread::of_ratios(&self.cpus(name), &self.cpus(rival))
    }

    fn walls(&self, name: &str) -> Vec<f64> {
        self.of(name).iter().map(|taken| taken.wall).collect()
    }

    fn cpus(&self, name: &str) -> Vec<f64> {
        self.of(name).iter().map(|taken| taken.cpu).collect()
    }

    fn of(&self, name: &str) -> &[Taken] {
        let index =
            self.arms.iter().position(|arm| arm.name == name).expect("an arm is compared with another one");
        &self.taken[index]
    }
}

/// Reads the file through, so that no arm waits for the disk.
fn warm(file: &Path) -> Result<()> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

const OPENSSL: &str = "SHA-256: openssl";
const HASH: &str = "SHA-256: ours, hash";
const VERIFY: &str = "SHA-256: ours, verify";
const B3SUM: &str = "BLAKE3: b3sum";
const SHA256_SCALING: [&str; 2] = ["SHA-256: verify, 1 thread", "SHA-256: verify, a thread a core"];
const BLAKE3_SCALING: [&str; 2] = ["BLAKE3: verify, 1 thread", "BLAKE3: verify, a thread a core"];

/// A thread that has a core for itself takes its CPU time, and little more for what the hypervisor does.
const WAITED_MAX: f64 = 1.05;

/// What was promised.
const SLOWER_MAX: f64 = 1.05;
