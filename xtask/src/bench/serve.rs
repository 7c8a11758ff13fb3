//! Serving over HTTP, beside nginx.

mod contender;
pub(super) mod cpu;
mod load;
mod nginx;
pub(super) mod stream;

use std::path::Path;

use anyhow::{Result, ensure};

use super::figures::{Spread, print_table};
use super::run::Taken;
use super::{Extent, machine};
use crate::process;
use contender::Contender;
use load::{Load, Sizes, Workload};

/// `program` is `aqueduct`, and `nginx` is nginx.
pub(super) fn run(program: &Path, nginx: &Path, scratch: &Path, extent: Extent) -> Result<()> {
    let (sizes, round_count) = match extent {
        Extent::Full => (Sizes::FULL, 7),
        Extent::Smoke => (Sizes::SMOKE, 1),
    };
    println!("{}; loopback", machine::describe(scratch)?);
    for (program, argument) in [("curl", "--version"), ("wrk", "--version")] {
        // What follows is what it was built with.
        let version = machine::version(program, argument)?;
        println!("{}", version.split([' ', '(', '[']).take(2).collect::<Vec<_>>().join(" "));
    }
    println!("{}; {round_count} rounds, arms alternating\n", nginx::version(nginx)?);
    let others = machine::load()?;
    if others > LOAD_MAX {
        println!(
            "The machine was busy, with a load of {others} in the minute before this. Only ratios of CPU times count.\n"
        );
    }
    let contenders = [
        Contender::aqueduct(program, &scratch.join("full"), "full")?,
        Contender::aqueduct(program, &scratch.join("none"), "none")?,
        Contender::nginx(nginx, &scratch.join("nginx"))?,
    ];
    let load = Load::make(scratch, sizes)?;
    for contender in &contenders {
        load.bring_to(contender)?;
    }
    let mut rows = Vec::new();
    for workload in Workload::ALL {
        rows.extend(
            Comparison { contenders: &contenders, load: &load, workload }.rows(round_count, scratch)?,
        );
    }
    println!("Median (min-max). CPU is that of the server's processes. Ratios are taken round by round.");
    print_table(&HEAD, &rows);
    for workload in Workload::ALL {
        println!("- {}: {}", load.name(workload), load.typed(workload));
    }
    println!("\nnginx was configured so:\n\n```nginx\n{}```\n", nginx::SHOWN);
    for contender in contenders {
        contender.stop()?;
    }
    Ok(())
}

/// One workload, asked of all.
struct Comparison<'a> {
    contenders: &'a [Contender],
    load: &'a Load,
    workload: Workload,
}

impl Comparison<'_> {
    fn rows(&self, round_count: usize, scratch: &Path) -> Result<Vec<Vec<String>>> {
        let asked: Vec<&Contender> =
            self.contenders.iter().filter(|contender| self.workload.is_for(contender)).collect();
        let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); asked.len()];
        for round in 0..round_count {
            // There and back again: whoever comes first in one round comes last in the next.
            let order: Vec<usize> =
                if round % 2 == 0 { (0..asked.len()).collect() } else { (0..asked.len()).rev().collect() };
            for index in order {
                process::settle(scratch)?;
                taken[index].push(self.load.measure(self.workload, asked[index])?);
            }
        }
        let rival = taken.last();
        ensure!(rival.is_some_and(|rival| rival.len() == round_count), "nginx is asked too, and comes last");
        let nginx = rival.map(Vec::as_slice).unwrap_or_default();
        Ok(asked.iter().zip(&taken).map(|(contender, taken)| self.row(contender, taken, nginx)).collect())
    }

    fn row(&self, contender: &Contender, taken: &[Taken], nginx: &[Taken]) -> Vec<String> {
        let figure = self.workload.figure();
        let walls = |taken: &[Taken]| taken.iter().map(|taken| figure.speed(taken)).collect::<Vec<f64>>();
        let cpus = |taken: &[Taken]| taken.iter().map(|taken| figure.cpu(taken)).collect::<Vec<f64>>();
        let ratios = if contender.is_nginx() {
            Default::default()
        } else {
            let ratio =
                |ours: Vec<f64>, theirs: Vec<f64>| format!("{:.2}", Spread::of_ratios(&ours, &theirs));
            [ratio(walls(taken), walls(nginx)), ratio(cpus(taken), cpus(nginx))]
        };
        let [speed_ratio, cpu_ratio] = ratios;
        vec![
            self.load.name(self.workload),
            contender.name(self.workload.is_upload()),
            figure.show_speed(Spread::of(walls(taken))),
            figure.show_cpu(Spread::of(cpus(taken))),
            speed_ratio,
            cpu_ratio,
        ]
    }
}

/// What the system does for itself.
const LOAD_MAX: f64 = 0.5;

const HEAD: [&str; 6] = ["asked", "server", "speed", "CPU", "speed / nginx", "CPU / nginx"];
