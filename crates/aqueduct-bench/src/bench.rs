//! Trials, rounds, and what came of them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::arm::{Arm, Course, Temperature, WrongBytes, arms};
use crate::machine::{Machine, room};
use crate::meter::Sample;
use crate::plan::{Case, Choice, Plan, UnknownWork};
use crate::report::{Figure, Report, Skipped, size_text};
use crate::source::{Ground, Source};

/// How much time has passed since some moment before.
pub type Clock<'a> = dyn FnMut() -> Duration + 'a;

/// What is to be measured, and where.
#[derive(Debug)]
pub struct Bench {
    plan: Plan,
    ground: Ground,
    source: Source,
    machine: Machine,
    /// The largest file that is made.
    size_max: u64,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A word that names nothing.
    #[error(transparent)]
    Unknown(#[from] UnknownWork),
    /// The directory cannot be worked in.
    #[error("cannot work in {dir}")]
    Ground {
        /// The directory.
        dir: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Other bytes arrived than were sent.
    #[error("{arm} moved other bytes than it was given")]
    WrongBytes {
        /// By its full name.
        arm: String,
    },
}

impl Bench {
    /// Chooses among [`arms()`], for files in `dir`, none of which ever has a name there.
    ///
    /// # Errors
    ///
    /// [`BenchError::Unknown`] for a word that names nothing, [`BenchError::Ground`] where no file can be made.
    pub fn new(dir: &Path, choice: &Choice) -> Result<Self, BenchError> {
        Self::with_arms(arms(), dir, choice)
    }

    /// Chooses among these.
    pub(crate) fn with_arms(arms: Vec<Arm>, dir: &Path, choice: &Choice) -> Result<Self, BenchError> {
        let plan = Plan::new(arms, choice)?;
        let open = || {
            let ground = Ground::open(dir)?;
            let source = Source::new(&ground)?;
            Ok((Machine::of(&ground, dir)?, room(&ground)?, source, ground))
        };
        let (machine, size_max, source, ground) =
            open().map_err(|source| BenchError::Ground { dir: dir.display().to_string(), source })?;
        Ok(Self { plan, ground, source, machine, size_max })
    }

    /// Tries each arm, then measures in rounds until all are done or `clock` says that the time is over. `tell` hears what
    /// is done next, and which part of it that is.
    ///
    /// # Errors
    ///
    /// [`BenchError::WrongBytes`] if an arm does not do what it should, [`BenchError::Ground`] if the source of the bytes
    /// cannot be written or read. An arm that fails otherwise is skipped, and the report says why.
    pub fn run(&self, clock: &mut Clock<'_>, tell: &mut dyn FnMut(&str)) -> Result<Report, BenchError> {
        let began = clock();
        let mut passed = || clock().saturating_sub(began);
        let is_out = vec![false; self.plan.arms.len()];
        let mut run = Run { bench: self, samples: BTreeMap::new(), skipped: Vec::new(), is_out };
        tell("trying each arm");
        for index in 0..self.plan.arms.len() {
            run.try_out(index)?;
        }
        let mut cases = run.first_round(&mut passed, tell)?;
        let mut round_count = 1;
        let mut last = passed();
        let mut before = last;
        while round_count < self.plan.round_count && self.plan.pace.has_room_for_a_round(before, last) {
            tell(&format!("round {}", round_count + 1));
            cases.reverse();
            for &case in &cases {
                run.measure(case)?;
            }
            round_count += 1;
            let now = passed();
            last = now.saturating_sub(before);
            before = now;
        }
        let took = passed();
        Ok(run.report(round_count, took))
    }
}

/// One run of a bench.
struct Run<'a> {
    bench: &'a Bench,
    samples: BTreeMap<(usize, Temperature, u64), Vec<Sample>>,
    skipped: Vec<Skipped>,
    /// Which arms do not work here.
    is_out: Vec<bool>,
}

impl Run<'_> {
    /// Lets an arm move a few bytes, which are compared at the far end. One that fails is out.
    fn try_out(&mut self, index: usize) -> Result<(), BenchError> {
        let arm = &self.bench.plan.arms[index];
        let case = Case { arm: index, size: TRIAL_SIZE, temperature: Temperature::Hot };
        if let Err(error) = self.once(case, 2, true)? {
            self.skip(arm, None, &error)?;
            self.is_out[index] = true;
        }
        Ok(())
    }

    /// Measures each case once, and gives those that another round can measure again.
    fn first_round(
        &mut self,
        passed: &mut dyn FnMut() -> Duration,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Vec<Case>, BenchError> {
        let plan = &self.bench.plan;
        let mut measured = Vec::new();
        let mut size_told = None;
        // What a byte took at the size before.
        let mut seconds_per_byte: BTreeMap<(usize, Temperature), f64> = BTreeMap::new();
        for &case in &plan.cases {
            let Case { arm: index, size, temperature } = case;
            if self.is_out[index] {
                continue;
            }
            if size_told != Some((temperature, size)) {
                tell(&format!("round 1: {} {temperature}", size_text(size)));
                size_told = Some((temperature, size));
            }
            let arm = &plan.arms[index];
            let what = Some(format!("{} {temperature}", size_text(size)));
            if size > self.bench.size_max {
                self.leave_out(arm, what, "there is not enough free space or memory for files of that size");
                continue;
            }
            let operations = plan.operations(case);
            let before = seconds_per_byte.get(&(index, temperature)).copied().unwrap_or(0.0);
            let expected = Duration::from_secs_f64(before * as_f64(size * operations));
            if !plan.pace.has_room(passed(), expected) {
                self.leave_out(arm, what, "there was no time left for it");
                continue;
            }
            if self.measure(case)? {
                let sample = self.samples[&key(case)][0];
                let per_byte = sample.wall.as_secs_f64() / as_f64(sample.bytes.max(1));
                seconds_per_byte.insert((index, temperature), per_byte);
                measured.push(case);
            }
        }
        Ok(measured)
    }

    /// Takes one sample of a case; says whether it could be taken.
    fn measure(&mut self, case: Case) -> Result<bool, BenchError> {
        let plan = &self.bench.plan;
        match self.once(case, plan.operations(case), false)? {
            Ok(sample) => {
                self.samples.entry(key(case)).or_default().push(sample);
                Ok(true)
            }
            Err(error) => {
                let what = format!("{} {}", size_text(case.size), case.temperature);
                self.skip(&plan.arms[case.arm], Some(what), &error)?;
                Ok(false)
            }
        }
    }

    /// Lets an arm do its work. Inside is what it says of it.
    fn once(&self, case: Case, operations: u64, is_checked: bool) -> Result<io::Result<Sample>, BenchError> {
        let Bench { plan, ground, source, machine, .. } = self.bench;
        let warmed = source.warm(case.size);
        warmed.map_err(|source| BenchError::Ground { dir: machine.dir.clone(), source })?;
        let Case { size, temperature, .. } = case;
        let course = Course { ground, source, size, operations, temperature, is_checked };
        Ok((plan.arms[case.arm].run)(&course))
    }

    fn skip(&mut self, arm: &Arm, what: Option<String>, error: &io::Error) -> Result<(), BenchError> {
        if error.get_ref().is_some_and(|cause| cause.is::<WrongBytes>()) {
            return Err(BenchError::WrongBytes { arm: arm.full_name() });
        }
        self.leave_out(arm, what, &error.to_string());
        Ok(())
    }

    fn leave_out(&mut self, arm: &Arm, what: Option<String>, reason: &str) {
        self.skipped.push(Skipped { arm: arm.full_name(), what, reason: reason.to_owned() });
    }

    fn report(self, round_count: usize, took: Duration) -> Report {
        let Self { bench, samples, skipped, .. } = self;
        let figure = |((index, temperature, size), samples): ((usize, Temperature, u64), Vec<Sample>)| {
            Figure::of(&bench.plan.arms[index], temperature, size, &samples)
        };
        let figures = samples.into_iter().map(figure).collect();
        Report { machine: bench.machine.clone(), round_count, took, figures, skipped }
    }
}

fn key(case: Case) -> (usize, Temperature, u64) {
    (case.arm, case.temperature, case.size)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// No whole number of pages, and longer than a buffer of 64 KiB.
const TRIAL_SIZE: u64 = 100_003;

#[cfg(test)]
mod tests;
