//! For programs.

use serde_json::{Value, json};

use super::vintage::{self, ROWS};
use super::{Figure, Report, Skipped, Spread};
use crate::machine::Machine;

impl Report {
    /// One object: `machine`, `figures`, `table_2008`, `crossovers`, `skipped`.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "machine": self.machine.json(),
            "network": "loopback",
            "round_count": self.round_count,
            "seconds": self.took.as_secs_f64(),
            "figures": self.figures.iter().map(figure).collect::<Vec<_>>(),
            "table_2008": self.table(),
            "crossovers": self.crossovers().iter().map(|crossover| json!({
                "baseline": crossover.baseline,
                "rival": crossover.rival,
                "temperature": crossover.temperature.to_string(),
                "size": crossover.size,
                "is_everywhere": crossover.is_everywhere,
            })).collect::<Vec<_>>(),
            "skipped": self.skipped.iter().map(Skipped::json).collect::<Vec<_>>(),
        })
    }

    fn table(&self) -> Vec<Value> {
        let column = |column: vintage::Column<'_>| {
            let mut object = json!({
                "size": column.title,
                "java_2008_copy_ms": column.copied_2008,
                "java_2008_transfer_to_ms": column.sent_2008,
            });
            for (arm, figure) in ROWS.iter().zip(column.figures) {
                object[format!("{arm}_ms")] = json!(figure.map(|figure| figure.wall.median * 1000.0));
            }
            object
        };
        vintage::columns(self).into_iter().map(column).collect()
    }
}

fn figure(figure: &Figure) -> Value {
    json!({
        "group": figure.group.to_string(),
        "arm": figure.arm,
        "temperature": figure.temperature.to_string(),
        "size": figure.size,
        "operations": figure.operations,
        "samples": figure.sample_count,
        "gib_per_second": figure.rate.json(),
        "cpu_seconds_per_gib": figure.cpu.json(),
        "calls_per_gib": figure.calls.as_ref().map(Spread::json),
        "switches_per_gib": figure.switches.json(),
        "seconds_per_operation": figure.wall.json(),
        "limit": figure.limit.to_string(),
    })
}

impl Spread {
    pub(crate) fn json(&self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max, "low": self.low, "high": self.high })
    }
}

impl Skipped {
    pub(crate) fn json(&self) -> Value {
        json!({ "arm": self.arm, "what": self.what, "reason": self.reason })
    }
}

impl Machine {
    pub(crate) fn json(&self) -> Value {
        json!({
            "kernel": self.kernel,
            "processor": self.processor,
            "core_count": self.core_count,
            "memory": self.memory,
            "dir": self.dir,
            "filesystem": self.filesystem,
            "congestion_control": self.congestion_control,
        })
    }
}
