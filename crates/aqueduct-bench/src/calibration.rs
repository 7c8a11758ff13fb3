//! Up to where which way costs less, on this machine: what the thresholds of `auto` should be here.

mod decision;
mod text;

use std::path::Path;
use std::time::Duration;

use aqueduct_flow::Thresholds;

use crate::arm::{Arm, Group, Temperature};
use crate::bench::{Bench, BenchError, Clock};
use crate::machine::Machine;
use crate::plan::Choice;
use crate::receive::{self, COPIED_BODY, SPLICED_BODY};
use crate::report::{Figure, Report, Skipped};
use crate::send::{self, COPY_HEAD, KEPT_HEAD, SENDFILE_HEAD};
use decision::{Verdict, decide};

/// What was measured for the thresholds, and what they should be.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Where.
    pub machine: Machine,
    /// For each threshold.
    pub findings: [Finding; 3],
    /// What was not measured, and why.
    pub skipped: Vec<Skipped>,
    /// How long it took in all.
    pub took: Duration,
}

/// What was found for one threshold: two ways by size, and up to where the first one should be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is chosen, for people.
    pub title: &'static str,
    /// The flag of `serve` that sets it.
    pub flag: &'static str,
    /// The way for what is small, by its arm's name.
    pub small: &'static str,
    /// The way for what is large.
    pub large: &'static str,
    /// The default, in bytes.
    pub default: u64,
    /// What it should be here, in bytes: another than the default only where that is clear.
    pub found: u64,
    /// Both ways at each size, small before large.
    pub pairs: Vec<(Figure, Figure)>,
}

impl Calibration {
    /// What the thresholds should be here.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let [memory, copy, receive_copy] = &self.findings;
        Thresholds {
            memory_size_max: memory.found,
            copy_len_max: copy.found,
            receive_copy_len_max: receive_copy.found,
        }
    }

    /// Whether anything was measured at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.iter().all(|finding| finding.pairs.is_empty())
    }
}

/// Measures what the thresholds need, and nothing else, with files in `dir`, none of which ever has a name there. It takes
/// no longer than `time` by `clock`, or than 50 seconds. `tell` hears what is done next.
///
/// # Errors
///
/// As [`Bench::new`] and [`Bench::run`].
pub fn calibrate(
    dir: &Path,
    time: Option<Duration>,
    clock: &mut Clock<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Calibration, BenchError> {
    calibrate_with([send::answers(), receive::bodies()], dir, time.unwrap_or(TIME), clock, tell)
}

/// With these arms, of sending and of receiving.
fn calibrate_with(
    arms: [Vec<Arm>; 2],
    dir: &Path,
    time: Duration,
    clock: &mut Clock<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Calibration, BenchError> {
    let [answers, bodies] = arms;
    let mut measure = |arms: Vec<Arm>, sizes: &[u64]| {
        let choice = Choice { sizes: sizes.to_vec(), time: Some(time / 2), ..Choice::default() };
        Bench::with_arms(arms, dir, &choice)?.with_rounds(ROUND_COUNT).run(clock, tell)
    };
    let sent = measure(answers, &SENT)?;
    let received = measure(bodies, &RECEIVED)?;
    let usual = Thresholds::default();
    let findings = [
        Question {
            title: "Answering from memory, or by sendfile",
            flag: "--memory-max",
            ways: (KEPT_HEAD, SENDFILE_HEAD),
            default: usual.memory_size_max,
            // What more memory for one blob costs all others is not measured here, nor the hash when it comes into memory: so
            // nothing larger than the default is looked at.
            size_max: usual.memory_size_max,
        }
        .answered(Group::Send, &sent),
        Question {
            title: "Sending from a file by copy, or by sendfile",
            flag: "--copy-max",
            ways: (COPY_HEAD, SENDFILE_HEAD),
            default: usual.copy_len_max,
            size_max: u64::MAX,
        }
        .answered(Group::Send, &sent),
        Question {
            title: "Receiving by copy, or by splice",
            flag: "--receive-copy-max",
            ways: (COPIED_BODY, SPLICED_BODY),
            default: usual.receive_copy_len_max,
            size_max: u64::MAX,
        }
        .answered(Group::Receive, &received),
    ];
    let skipped = sent.skipped.into_iter().chain(received.skipped).collect();
    Ok(Calibration { machine: sent.machine, findings, skipped, took: sent.took + received.took })
}

struct Question {
    title: &'static str,
    flag: &'static str,
    ways: (&'static str, &'static str),
    default: u64,
    /// The largest size that is asked about.
    size_max: u64,
}

impl Question {
    fn answered(self, group: Group, report: &Report) -> Finding {
        let Self { title, flag, ways: (small, large), default, size_max } = self;
        let of_arm = report.of(group, Temperature::Hot).filter(|figure| figure.arm == small);
        let mut pairs: Vec<(Figure, Figure)> = of_arm
            .filter(|figure| figure.size <= size_max)
            .filter_map(|figure| {
                let other = report.figure(group, large, Temperature::Hot, figure.size)?;
                Some((figure.clone(), other.clone()))
            })
            .collect();
        pairs.sort_by_key(|(figure, _)| figure.size);
        let verdicts: Vec<_> =
            pairs.iter().map(|(small, large)| (small.size, Verdict::of(&small.cpu, &large.cpu))).collect();
        Finding { title, flag, small, large, default, found: decide(default, &verdicts), pairs }
    }
}

/// What answers are measured at.
const SENT: [u64; 10] =
    [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20];

/// What bodies are.
const RECEIVED: [u64; 8] = [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// Enough that a median, and what lies around it, is not that of a moment.
const ROUND_COUNT: usize = 15;

/// For all of it: half for answers, half for bodies.
const TIME: Duration = Duration::from_secs(50);

#[cfg(test)]
mod tests;
