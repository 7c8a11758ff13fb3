//! What was found, and the ways of writing it down.

mod crossover;
mod csv;
mod html;
mod json;
mod limit;
mod plot;
mod spread;
mod text;
pub(crate) mod vintage;

use std::time::Duration;

pub use crossover::Crossover;
pub use limit::Limit;
pub use spread::Spread;
pub(crate) use spread::digits;
pub(crate) use text::{LOOPBACK, Table, seconds_text, size_text};

use crate::arm::{Arm, Group, Temperature};
use crate::machine::Machine;
use crate::meter::Sample;

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// How many samples a figure has at most.
    pub round_count: usize,
    /// How long it took in all.
    pub took: Duration,
    /// By group, arm, temperature and size.
    pub figures: Vec<Figure>,
    /// What was not measured, and why.
    pub skipped: Vec<Skipped>,
}

/// What one arm did at one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The kind of work.
    pub group: Group,
    /// The way of doing it.
    pub arm: String,
    /// How it does that.
    pub about: &'static str,
    /// Of the source, at the start.
    pub temperature: Temperature,
    /// Of one operation, in bytes.
    pub size: u64,
    /// How many operations a sample is.
    pub operations: u64,
    /// How many samples there are: fewer than rounds, where some failed.
    pub sample_count: usize,
    /// GiB a second.
    pub rate: Spread,
    /// Processor seconds a GiB: of the threads that move the bytes, in user space and in the kernel.
    pub cpu: Spread,
    /// System calls a GiB, of the same threads; `None` where they are not counted.
    pub calls: Option<Spread>,
    /// Context switches a GiB, of the same threads.
    pub switches: Spread,
    /// Seconds an operation.
    pub wall: Spread,
    /// What kept it from being faster.
    pub limit: Limit,
}

/// Something that was not measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// By its full name.
    pub arm: String,
    /// At which size and temperature; `None` is all.
    pub what: Option<String>,
    /// What the kernel said, or what is lacking.
    pub reason: String,
}

impl Skipped {
    /// The arm, and at what it was not measured.
    pub(crate) fn name(&self) -> String {
        match &self.what {
            Some(what) => format!("{} ({what})", self.arm),
            None => self.arm.clone(),
        }
    }
}

impl Figure {
    /// The samples, of which there is at least one, as figures.
    pub(crate) fn of(arm: &Arm, temperature: Temperature, size: u64, samples: &[Sample]) -> Self {
        let spread = |figure: &dyn Fn(&Sample) -> f64| Spread::of(samples.iter().map(figure));
        let gib = |sample: &Sample| as_f64(sample.bytes) / GIB;
        let seconds = |time: Duration| time.as_secs_f64().max(f64::MIN_POSITIVE);
        Self {
            group: arm.group,
            arm: arm.name.clone(),
            about: arm.about,
            temperature,
            size,
            operations: samples[0].operations,
            sample_count: samples.len(),
            rate: spread(&|sample| gib(sample) / seconds(sample.wall)),
            cpu: spread(&|sample| sample.spent.cpu.as_secs_f64() / gib(sample)),
            calls: arm.counts_calls.then(|| spread(&|sample| as_f64(sample.spent.calls) / gib(sample))),
            switches: spread(&|sample| as_f64(sample.spent.switches) / gib(sample)),
            wall: spread(&|sample| seconds(sample.wall) / as_f64(sample.operations)),
            limit: Limit::of(arm, temperature, samples),
        }
    }
}

impl Report {
    /// The figures of one kind, in the order of the arms; of one size, small before large.
    pub(crate) fn of(&self, group: Group, temperature: Temperature) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(move |figure| figure.group == group && figure.temperature == temperature)
    }

    /// The figure of an arm.
    pub(crate) fn figure(
        &self,
        group: Group,
        arm: &str,
        temperature: Temperature,
        size: u64,
    ) -> Option<&Figure> {
        self.of(group, temperature).find(|figure| figure.arm == arm && figure.size == size)
    }

    /// The size to compare arms at: the largest that most of them were measured at.
    pub(crate) fn shared_size(&self, group: Group, temperature: Temperature) -> Option<u64> {
        let mut counts = std::collections::BTreeMap::<u64, usize>::new();
        for figure in self.of(group, temperature) {
            *counts.entry(figure.size).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        counts.into_iter().filter(|&(_, count)| count == most).map(|(size, _)| size).next_back()
    }

    /// From which size on sendfile costs less than copying.
    #[must_use]
    pub fn crossovers(&self) -> Vec<Crossover> {
        crossover::all(self)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are read by people")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}

pub(crate) const GIB: f64 = (1_u64 << 30) as f64;

#[cfg(test)]
mod tests;
