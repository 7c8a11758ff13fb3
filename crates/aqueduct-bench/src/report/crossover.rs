//! From which size on sendfile costs less than a copy.

use std::fmt;

use super::text::size_text;
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
    /// The smallest measured size from which on the rival clearly takes less processor time at every size: its largest
    /// sample is below the smallest of the other. `None` if it does not even at the largest.
    pub size: Option<u64>,
    /// Whether that is so at every size that was measured, so that it may begin below them.
    pub is_everywhere: bool,
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
                    both.push((figure.size, other.cpu.is_clearly_below(&figure.cpu)));
                }
            }
            if both.len() < 2 {
                continue;
            }
            both.sort_unstable();
            let wins = both.iter().rev().take_while(|(_, is_ahead)| *is_ahead);
            let size = wins.last().map(|&(size, _)| size);
            let is_everywhere = both.iter().all(|(_, is_ahead)| *is_ahead);
            found.push(Crossover { baseline, rival, temperature, size, is_everywhere });
        }
    }
    found
}

/// In words.
impl fmt::Display for Crossover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            Some(_) if self.is_everywhere => f.write_str("at every size measured"),
            Some(size) => write!(f, "from {} on", size_text(size)),
            None => f.write_str("clearly at no size measured"),
        }
    }
}

const PAIRS: [(&str, &str); 4] =
    [(COPY_4, SENDFILE), (COPY_64, SENDFILE), (COPY_256, SENDFILE), (COPY_HEAD, SENDFILE_HEAD)];
