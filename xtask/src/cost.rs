//! `cargo xtask cost`: what a request costs the server, in system calls and in instructions of its own, compared with what
//! was written down. Both hardly depend on the machine or on how busy it is, as times do.

mod asking;
mod gauge;
mod table;

use std::path::Path;

use anyhow::{Result, bail};

use crate::scratch::Scratch;
use crate::{bench, metadata, tools};
use asking::Workload;
use gauge::Gauge;
use table::{Cost, Table};

/// Measures, and fails where a cost is not what was written down.
pub(crate) fn check(root: &Path) -> Result<()> {
    let measured = measure(root)?;
    let file = root.join(FILE);
    let complaints = Table::read(&file)?.complaints(&measured);
    print!("{measured}");
    if complaints.is_empty() {
        return Ok(());
    }
    bail!(
        "{}\n\nWhere that was meant, write it down with `cargo xtask cost --update`, and say in the commit why.",
        complaints.join("\n")
    )
}

/// Measures, and writes down what was found.
pub(crate) fn update(root: &Path) -> Result<()> {
    let measured = measure(root)?;
    print!("{measured}");
    measured.write(&root.join(FILE))
}

fn measure(root: &Path) -> Result<Table> {
    tools::install(root)?;
    let program = bench::build_as_tested(root, "aqueduct")?;
    let scratch = Scratch::make(&metadata::target_dir(root)?.join("cost"))?;
    let [calls, instructions] = [Gauge::Calls, Gauge::Instructions].map(|gauge| -> Result<Vec<f64>> {
        // What starting takes, and the first request of each kind, is in all of the runs.
        let base = gauge.total(&program, scratch.dir(), None)?;
        let each = Workload::ALL.map(|workload| -> Result<f64> {
            let more = gauge.total(&program, scratch.dir(), Some(workload))?;
            #[expect(clippy::cast_precision_loss, reason = "a few millions")]
            Ok((more as f64 - base as f64) / f64::from(workload.count()))
        });
        each.into_iter().collect()
    });
    let costs = calls?.into_iter().zip(instructions?);
    let costs = costs.map(|(calls, instructions)| Cost { calls, instructions });
    Ok(Table::new(Workload::ALL.iter().map(|workload| workload.name().to_owned()).zip(costs)))
}

/// What was written down.
const FILE: &str = "xtask/costs.txt";
