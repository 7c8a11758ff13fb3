//! From which size on sendfile costs less than a copy.

use super::{Figure, Report};
use crate::arm::{Group, Temperature};
use crate::send::{COPY_4, COPY_64, COPY_256, COPY_HEAD, SENDFILE, SENDFILE_HEAD};

/// Two ways, and where one overtakes the other in processor time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossover {
    /// What is overtaken.
    pub baseline: &'static str,
    /// What overtakes it.
    pub rival: &'static str,
    /// Of the source.
    pub temperature: Temperature,
    /// The smallest measured size from which on the rival takes less processor time at every size; `None` if it does not
    /// even at the largest.
    pub size: Option<u64>,
}

pub(super) fn all(report: &Report) -> Vec<Crossover> {
    let mut found = Vec::new();
    for temperature in [Temperature::Hot, Temperature::Cold] {
        for (baseline, rival) in PAIRS {
            let sizes = |arm| {
                let of_arm = report.of(Group::Send, temperature).filter(move |figure| figure.arm == arm);
                of_arm.collect::<Vec<&Figure>>()
            };
            let rivals = sizes(rival);
            let mut both = Vec::new();
            for figure in sizes(baseline) {
                if let Some(other) = rivals.iter().find(|other| other.size == figure.size) {
                    both.push((figure.size, other.cpu.median < figure.cpu.median));
                }
            }
            if both.len() < 2 {
                continue;
            }
            both.sort_unstable();
            let wins = both.iter().rev().take_while(|(_, is_ahead)| *is_ahead);
            let size = wins.last().map(|&(size, _)| size);
            found.push(Crossover { baseline, rival, temperature, size });
        }
    }
    found
}

const PAIRS: [(&str, &str); 4] =
    [(COPY_4, SENDFILE), (COPY_64, SENDFILE), (COPY_256, SENDFILE), (COPY_HEAD, SENDFILE_HEAD)];
