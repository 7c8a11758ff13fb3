//! What is measured, at which sizes, and for how long.

use std::time::Duration;

use crate::arm::{Arm, Group, Temperature};
use crate::pace::Pace;

/// What a user asks to be measured.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Names of groups, and parts of names of arms; none is everything.
    pub wanted: Vec<String>,
    /// In bytes; none is what suits each group.
    pub sizes: Vec<u64>,
    /// Fewer and smaller sizes, and a few seconds.
    pub is_quick: bool,
    /// How long it may take in all.
    pub time: Option<Duration>,
}

/// A word that is part of no arm's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing that is measured is called {0:?}")]
pub struct UnknownWork(pub String);

/// One arm at one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Which of the plan's arms.
    pub(crate) arm: usize,
    pub(crate) size: u64,
    pub(crate) temperature: Temperature,
}

/// What is measured, in which order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) arms: Vec<Arm>,
    /// Small before large, so that what a large one will take is known; arms that do the same work follow each other.
    pub(crate) cases: Vec<Case>,
    pub(crate) round_count: usize,
    pub(crate) pace: Pace,
    bounds: Bounds,
}

/// What a sample is at most, if it is more than one operation.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// In bytes. Enough that a sample of small hot files takes some milliseconds.
    hot_len: u64,
    hot_count_max: u64,
    /// All files of a sample are open at once, and the route mmap reserves 8 MiB for each.
    file_count_max: u64,
    cold_count_max: u64,
}

impl Plan {
    pub(crate) fn new(arms: Vec<Arm>, choice: &Choice) -> Result<Self, UnknownWork> {
        for word in &choice.wanted {
            if !arms.iter().any(|arm| is_wanted(arm, word)) {
                return Err(UnknownWork(word.clone()));
            }
        }
        let chosen =
            |arm: &Arm| choice.wanted.is_empty() || choice.wanted.iter().any(|word| is_wanted(arm, word));
        let arms: Vec<Arm> = arms.into_iter().filter(chosen).collect();
        let mut cases = Vec::new();
        for (index, arm) in arms.iter().enumerate() {
            for temperature in [Temperature::Hot, Temperature::Cold] {
                if temperature == Temperature::Cold && !arm.has_cold {
                    continue;
                }
                cases.extend(sizes(arm, temperature, choice).into_iter().map(|size| Case {
                    arm: index,
                    size,
                    temperature,
                }));
            }
        }
        cases.sort_by_key(|case| (case.temperature, case.size, case.arm));
        cases.dedup();
        let (round_count, time, bounds) =
            if choice.is_quick { (3, QUICK_TIME, QUICK) } else { (5, TIME, USUAL) };
        let pace = Pace::new(choice.time.unwrap_or(time), cases.len());
        Ok(Self { arms, cases, round_count, pace, bounds })
    }

    /// How many operations one sample of a case is: by bytes and not by the clock, so that it is the same work for all. What
    /// they write is all there at once, so it is no more than there is room for.
    pub(crate) fn operations(&self, case: Case, room: u64) -> u64 {
        let Bounds { hot_len, hot_count_max, file_count_max, cold_count_max } = self.bounds;
        let (len, count_max) = match (case.temperature, self.arms[case.arm].group) {
            (Temperature::Hot, Group::Receive | Group::Local) => (hot_len, file_count_max),
            (Temperature::Hot, _) => (hot_len, hot_count_max),
            (Temperature::Cold, _) => (COLD_LEN, cold_count_max),
        };
        (len.min(room) / case.size.max(1)).clamp(1, count_max)
    }
}

/// A group's name is that group and no more: "send" is no sendfile of another.
fn is_wanted(arm: &Arm, word: &str) -> bool {
    match Group::ALL.into_iter().find(|group| group.to_string() == word) {
        Some(group) => arm.group == group,
        None => arm.full_name().contains(word),
    }
}

fn sizes(arm: &Arm, temperature: Temperature, choice: &Choice) -> Vec<u64> {
    if !choice.sizes.is_empty() {
        return choice.sizes.clone();
    }
    let mut sizes = usual_sizes(arm.group, temperature, choice.is_quick).to_vec();
    if temperature == Temperature::Hot && arm.is_vintage() {
        let largest = if choice.is_quick { QUICK_VINTAGE_SIZE_MAX } else { u64::MAX };
        sizes.extend(VINTAGE_SIZES.into_iter().filter(|&size| size <= largest));
    }
    sizes
}

fn usual_sizes(group: Group, temperature: Temperature, is_quick: bool) -> &'static [u64] {
    use Temperature::{Cold, Hot};
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match (group, temperature, is_quick) {
        (Group::Send, Hot, false) => {
            &[KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 16 * MIB, 128 * MIB, 1024 * MIB]
        }
        (Group::Send, Hot, true) => &[4 * KIB, 64 * KIB, MIB, 16 * MIB],
        (Group::Send, Cold, false) => &[4 * KIB, 64 * KIB, MIB, 64 * MIB],
        (Group::Receive, _, false) => &[64 * KIB, MIB, 16 * MIB, 64 * MIB],
        (Group::Receive, _, true) => &[16 * MIB],
        // What is relayed is one stream, however long.
        (Group::Relay, _, false) => &[256 * MIB],
        (Group::Relay, _, true) => &[16 * MIB],
        (Group::Local, Hot, false) => &[4 * KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB],
        (Group::Local | Group::Hash, Hot, true) => &[64 * KIB, 16 * MIB],
        (Group::Local, Cold, false) => &[4 * KIB, 64 * KIB, MIB, 64 * MIB],
        (Group::Hash, Hot, false) => &[4 * KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB],
        (Group::Hash, Cold, false) => &[64 * MIB],
        (Group::Send | Group::Local | Group::Hash, Cold, true) => &[MIB],
    }
}

/// The sizes of the table of 2008: 7, 21, 63, 98, 200, 350 and 700 MB, and 1 GB.
pub(crate) const VINTAGE_SIZES: [u64; 8] =
    [7_000_000, 21_000_000, 63_000_000, 98_000_000, 200_000_000, 350_000_000, 700_000_000, 1_000_000_000];

const QUICK_VINTAGE_SIZE_MAX: u64 = 21_000_000;

const USUAL: Bounds =
    Bounds { hot_len: 64 << 20, hot_count_max: 4096, file_count_max: 32, cold_count_max: 16 };

const QUICK: Bounds = Bounds { hot_len: 16 << 20, hot_count_max: 512, file_count_max: 8, cold_count_max: 4 };

/// What is cold waits for a disk; more would only take longer.
const COLD_LEN: u64 = 4 << 20;

const TIME: Duration = Duration::from_secs(60);

const QUICK_TIME: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests;
