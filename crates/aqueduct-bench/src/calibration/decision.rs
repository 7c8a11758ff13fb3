//! When a measurement speaks against a default.

use crate::report::Spread;

/// Which of two ways is cheaper at one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Clearly the one for what is small.
    Small,
    /// Clearly the one for what is large.
    Large,
    /// Neither clearly.
    Even,
}

impl Verdict {
    /// By what they cost: one is clearly cheaper if three quarters of its samples are below three quarters of the other's, and
    /// its median below the other's by [`MARGIN`]. What is left of either says what else the machine did meanwhile.
    pub(super) fn of(small: &Spread, large: &Spread) -> Self {
        let is_clear = |one: &Spread, other: &Spread| {
            one.high < other.low && one.median <= other.median * (1.0 - MARGIN)
        };
        if is_clear(small, large) {
            Self::Small
        } else if is_clear(large, small) {
            Self::Large
        } else {
            Self::Even
        }
    }
}

/// Up to where the way for what is small should be taken, by what was found at each size, small before large. It is the
/// default, unless what was found next to that speaks clearly against it, on one side of it alone.
pub(super) fn decide(default: u64, verdicts: &[(u64, Verdict)]) -> u64 {
    let (below, above) = verdicts.split_at(verdicts.partition_point(|&(size, _)| size <= default));
    // As far up as the small way is ahead somewhere, and the large one nowhere before.
    let up = above.iter().take_while(|(_, verdict)| *verdict != Verdict::Large);
    let raised = up.filter(|(_, verdict)| *verdict == Verdict::Small).map(|&(size, _)| size).last();
    // As far down as the large way is ahead somewhere, and the small one nowhere behind.
    let down = below.iter().enumerate().rev().take_while(|(_, (_, verdict))| *verdict != Verdict::Small);
    let lowest = down.filter(|(_, (_, verdict))| *verdict == Verdict::Large).map(|(index, _)| index).last();
    let lowered = lowest.map(|index| index.checked_sub(1).map_or(0, |before| below[before].0));
    match (raised, lowered) {
        (Some(raised), None) => raised,
        (None, Some(lowered)) => lowered,
        // Nothing, or both: what speaks for more and for less is noise.
        _ => default,
    }
}

/// What is less than a tenth apart changes its sign from one run to the next.
pub(super) const MARGIN: f64 = 0.1;

#[cfg(test)]
mod tests;
