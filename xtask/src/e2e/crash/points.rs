//! Where the power is cut, and what the device keeps of what was not flushed.

use super::device::{Device, Kept};
use crate::filler::Filler;

/// A cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// The moment, in entries of the device's log.
    pub(super) at: u64,
    pub(super) kept: Kept,
}

/// So many of each kind, in order, none behind `end`: right after a flush and right before the next, right after something of
/// each of these was acknowledged, and anywhere.
pub(super) fn choose(
    device: &Device,
    acknowledged: &[Vec<u64>],
    end: u64,
    count: usize,
    seed: u64,
) -> Vec<Point> {
    let mut random = Filler::new(seed);
    let flushes: Vec<u64> = device.flushes().into_iter().filter(|at| *at <= end).collect();
    let mut points = Vec::new();
    for at in spread(&flushes, count) {
        // The next write is not there yet; or the flush, the entry before, never came to its end.
        points.push(Point { at, kept: Kept::Nothing });
        points.push(Point { at: at - 1, kept: kept(&mut random) });
    }
    for moments in acknowledged {
        let moments: Vec<u64> = moments.iter().copied().filter(|at| *at <= end).collect();
        for at in spread(&moments, count) {
            points.push(Point { at, kept: Kept::Nothing });
            points.push(Point { at, kept: kept(&mut random) });
        }
    }
    for _ in 0..count {
        points.push(Point { at: random.number() % (end + 1), kept: kept(&mut random) });
    }
    points.sort_by_key(|point| point.at);
    points
}

fn kept(random: &mut Filler) -> Kept {
    match random.number() >> 61 {
        0 => Kept::Nothing,
        1 => Kept::Everything,
        _ => Kept::Some(random.number()),
    }
}

/// So many of them, or all, evenly.
fn spread(moments: &[u64], count: usize) -> impl Iterator<Item = u64> {
    let count = count.min(moments.len());
    (0..count).map(move |index| moments[index * moments.len() / count])
}

#[cfg(test)]
mod tests;
