//! Trials, rounds, and what came of them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::arm::{Arm, Course, Temperature, WrongBytes, arms};
use crate::machine::{Machine, room};
use crate::meter::Sample;
use crate::pace::{Experience, Outlook, Rate};
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

    /// Takes up to so many samples of each case.
    pub(crate) fn with_rounds(mut self, count: usize) -> Self {
        self.plan.round_count = count;
        self
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
        let mut run = Run {
            bench: self,
            samples: BTreeMap::new(),
            skipped: Vec::new(),
            is_out: vec![false; self.plan.arms.len()],
            experience: BTreeMap::new(),
            warming: Rate::default(),
        };
        tell("trying each arm");
        for index in 0..self.plan.arms.len() {
            run.try_out(index)?;
        }
        let mut cases = run.first_round(&mut passed, tell)?;
        let mut round_count = 1;
        let mut last = passed();
        let mut before = last;
        while round_count < self.plan.round_count && self.plan.pace.has_time(before, last) {
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

    fn warm(&self, size: u64) -> Result<(), BenchError> {
        let ground = |source| BenchError::Ground { dir: self.machine.dir.clone(), source };
        self.source.warm(size).map_err(ground)
    }
}

/// One run of a bench.
struct Run<'a> {
    bench: &'a Bench,
    samples: BTreeMap<(usize, Temperature, u64), Vec<Sample>>,
    skipped: Vec<Skipped>,
    /// Which arms do not work here.
    is_out: Vec<bool>,
    experience: BTreeMap<(usize, Temperature), Experience>,
    warming: Rate,
}

impl Run<'_> {
    /// Lets an arm move a few bytes, which are compared at the far end. One that fails is out.
    fn try_out(&mut self, index: usize) -> Result<(), BenchError> {
        let case = Case { arm: index, size: TRIAL_SIZE, temperature: Temperature::Hot };
        if let Err(error) = self.once(case, 2, true)? {
            self.skip(index, None, &error)?;
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
        for &case in &plan.cases {
            let Case { arm: index, size, temperature } = case;
            if self.is_out[index] {
                continue;
            }
            if size_told != Some((temperature, size)) {
                tell(&format!("round 1: {} {temperature}", size_text(size)));
                size_told = Some((temperature, size));
            }
            match self.obstacle(case, passed)? {
                Some(obstacle) => {
                    let what = Some(format!("{} {temperature}", size_text(size)));
                    self.leave_out(&plan.arms[index], what, &obstacle);
                }
                None => {
                    if self.measure(case)? {
                        let sample = self.samples[&key(case)][0];
                        self.learn(case, sample);
                        measured.push(case);
                    }
                }
            }
        }
        Ok(measured)
    }

    /// Why no sample of a case is taken, if there is a reason to know before.
    fn obstacle(
        &mut self,
        case: Case,
        passed: &mut dyn FnMut() -> Duration,
    ) -> Result<Option<String>, BenchError> {
        let Bench { plan, size_max, .. } = self.bench;
        if case.size > *size_max {
            return Ok(Some(NO_ROOM.to_owned()));
        }
        if !self.warm_in_time(case.size, passed)? {
            return Ok(Some(NO_TIME.to_owned()));
        }
        let pace = plan.pace;
        let count = u32::try_from(plan.operations(case, *size_max)).unwrap_or(u32::MAX);
        let (mut each, is_known) = match self.experience(case).outlook(case.size) {
            Outlook::Unknown => (self.warming.expected(case.size), false),
            Outlook::AtMost(each) => (each, false),
            Outlook::About(each) => (each, true),
        };
        if !is_known && !pace.is_within_share(each.saturating_mul(count)) {
            // What is no more than a guess leaves nothing out: one operation tells.
            if !pace.has_time(passed(), each) {
                return Ok(Some(NO_TIME.to_owned()));
            }
            match self.once(case, 1, false)? {
                Ok(sample) => each = self.learn(case, sample),
                Err(error) => return self.reason(case.arm, &error).map(Some),
            }
        }
        let expected = each.saturating_mul(count);
        Ok(if !pace.is_within_share(expected) {
            Some(pace.beyond_share())
        } else if !pace.has_time(passed(), expected) {
            Some(NO_TIME.to_owned())
        } else {
            None
        })
    }

    /// Makes the source as long as this, or says that it would take too long.
    fn warm_in_time(&mut self, size: u64, passed: &mut dyn FnMut() -> Duration) -> Result<bool, BenchError> {
        let mut len = self.bench.source.size();
        while len < size {
            let before = passed();
            if !self.bench.plan.pace.has_time(before, self.warming.expected(size - len)) {
                return Ok(false);
            }
            let end = size.min(len + WARMING_LEN);
            self.bench.warm(end)?;
            self.warming.learn(end - len, passed().saturating_sub(before));
            len = end;
        }
        Ok(true)
    }

    fn experience(&mut self, case: Case) -> &mut Experience {
        self.experience.entry((case.arm, case.temperature)).or_default()
    }

    /// Says what one operation took.
    fn learn(&mut self, case: Case, sample: Sample) -> Duration {
        let each = sample.wall.div_f64(as_f64(sample.operations.max(1)));
        self.experience(case).learn(case.size, each);
        each
    }

    /// Takes one sample of a case; says whether it could be taken.
    fn measure(&mut self, case: Case) -> Result<bool, BenchError> {
        let plan = &self.bench.plan;
        match self.once(case, plan.operations(case, self.bench.size_max), false)? {
            Ok(sample) => {
                self.samples.entry(key(case)).or_default().push(sample);
                Ok(true)
            }
            Err(error) => {
                let what = format!("{} {}", size_text(case.size), case.temperature);
                self.skip(case.arm, Some(what), &error)?;
                Ok(false)
            }
        }
    }

    /// Lets an arm do its work. Inside is what it says of it.
    fn once(&self, case: Case, operations: u64, is_checked: bool) -> Result<io::Result<Sample>, BenchError> {
        let Bench { plan, ground, source, .. } = self.bench;
        self.bench.warm(case.size)?;
        let Case { size, temperature, .. } = case;
        let course = Course { ground, source, size, operations, temperature, is_checked };
        Ok((plan.arms[case.arm].run)(&course))
    }

    fn skip(&mut self, index: usize, what: Option<String>, error: &io::Error) -> Result<(), BenchError> {
        let reason = self.reason(index, error)?;
        self.leave_out(&self.bench.plan.arms[index], what, &reason);
        Ok(())
    }

    /// What an arm says of its failure, if it is one to go on after.
    fn reason(&self, index: usize, error: &io::Error) -> Result<String, BenchError> {
        if error.get_ref().is_some_and(|cause| cause.is::<WrongBytes>()) {
            return Err(BenchError::WrongBytes { arm: self.bench.plan.arms[index].full_name() });
        }
        Ok(error.to_string())
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

/// The source grows by so much at a time, so that it is known early how long it takes.
const WARMING_LEN: u64 = 64 << 20;

const NO_ROOM: &str = "there is not enough free space or memory for files of that size";

const NO_TIME: &str = "it would probably end later than it may";

#[cfg(test)]
mod tests;
