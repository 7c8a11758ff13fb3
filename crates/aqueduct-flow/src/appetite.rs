//! How much a target is worth offering at once.

/// The length of the next offer to a target.
///
/// What is read for a target that then takes only part of it must be read again, so an offer follows what was last taken:
/// down to it when the target filled, doubling while it takes all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appetite {
    /// Invariant: `OFFER_LEN_MIN <= len <= OFFER_LEN_MAX`.
    len: usize,
}

impl Appetite {
    pub(crate) fn new() -> Self {
        Self { len: OFFER_LEN_MAX }
    }

    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Learns that of `offered` bytes the target took `taken`.
    pub(crate) fn learn(&mut self, offered: usize, taken: usize) {
        if taken < offered {
            self.len = taken.clamp(OFFER_LEN_MIN, OFFER_LEN_MAX).next_multiple_of(OFFER_LEN_MIN);
        } else if offered >= self.len {
            self.len = (self.len * 2).min(OFFER_LEN_MAX);
        }
    }
}

/// A few pages: below, the call costs more than the bytes.
const OFFER_LEN_MIN: usize = 16 * 1024;

/// What the largest pipe holds.
const OFFER_LEN_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
