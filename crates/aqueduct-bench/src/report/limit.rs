//! What keeps a way of moving bytes from being faster.

use std::fmt;

use crate::arm::{Arm, Bound, Temperature};
use crate::meter::Sample;

/// What keeps a way of moving bytes from being faster, as far as processor time and time on the wall tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The moving thread never waits, and has bytes to copy.
    Copying,
    /// The moving thread never waits, and hashes.
    Hash,
    /// The moving thread never waits, and has nothing but calls to make.
    Core,
    /// All cores hash.
    Cores,
    /// The other end of the connection never waits.
    FarEnd,
    /// Nobody is busy, and the source was cold.
    Disk,
    /// Nobody is busy: threads wait for each other, for a core, or for room among the dirty pages.
    Waiting,
}

impl Limit {
    pub(super) fn of(arm: &Arm, temperature: Temperature, samples: &[Sample]) -> Self {
        let sum = |time: &dyn Fn(&Sample) -> f64| samples.iter().map(time).sum::<f64>();
        let wall = sum(&|sample| sample.wall.as_secs_f64()).max(f64::MIN_POSITIVE);
        let near = sum(&|sample| sample.busiest_cpu.as_secs_f64()) / wall;
        let far = sum(&|sample| sample.far_cpu.as_secs_f64()) / wall;
        let is_busy = near >= BUSY_MIN;
        match arm.bound {
            Bound::HashOnAllCores if is_busy => Self::Cores,
            Bound::Hash if is_busy => Self::Hash,
            Bound::Copying if is_busy => Self::Copying,
            Bound::Calls if is_busy => Self::Core,
            _ if far >= BUSY_MIN => Self::FarEnd,
            _ if temperature == Temperature::Cold => Self::Disk,
            _ => Self::Waiting,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Copying => "core, copying",
            Self::Hash => "core, hashing",
            Self::Core => "core, calls",
            Self::Cores => "all cores, hashing",
            Self::FarEnd => "the other end",
            Self::Disk => "the disk",
            Self::Waiting => "waiting",
        })
    }
}

/// From this part of the time on a thread is busy: the rest is the beginning and the end.
const BUSY_MIN: f64 = 0.85;
