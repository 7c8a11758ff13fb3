//! How many bytes were heads and how many were payload, and one bit that is flipped among them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::frames::{Frames, Part};
use crate::proxy::{Alter, Direction};

/// One bit, the first time that it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flip {
    pub(super) direction: Direction,
    pub(super) part: Part,
    /// How many bytes of that part pass unharmed before it.
    pub(super) at: u64,
    /// Below 8.
    pub(super) bit: u32,
}

/// Counts over all connections of a proxy.
#[derive(Clone)]
pub(super) struct Census {
    counts: Arc<Mutex<Counts>>,
    flip: Option<Flip>,
}

/// Bytes of either part, in each direction.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    to_server: Parts,
    to_client: Parts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    head: u64,
    payload: u64,
}

impl Census {
    pub(super) fn new(flip: Option<Flip>) -> Self {
        Self { counts: Arc::default(), flip }
    }

    pub(super) fn count(&self, direction: Direction, part: Part) -> u64 {
        *self.counts().of(direction).of(part)
    }

    /// For a proxy: reads along with one direction of a connection.
    pub(super) fn alter(&self, direction: Direction) -> Alter {
        let (census, mut frames) = (self.clone(), Frames::new());
        Box::new(move |mut bytes| {
            while !bytes.is_empty() {
                let (part, len) = frames.advance(bytes);
                let (piece, rest) = bytes.split_at_mut(len);
                census.pass(direction, part, piece);
                bytes = rest;
            }
        })
    }

    fn pass(&self, direction: Direction, part: Part, piece: &mut [u8]) {
        let mut counts = self.counts();
        let count = counts.of(direction).of(part);
        if let Some(flip) = self.flip.filter(|flip| flip.direction == direction && flip.part == part) {
            let place = flip.at.checked_sub(*count).and_then(|place| usize::try_from(place).ok());
            if let Some(byte) = place.and_then(|place| piece.get_mut(place)) {
                *byte ^= 1 << flip.bit;
            }
        }
        *count += piece.len() as u64;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of(&mut self, direction: Direction) -> &mut Parts {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

impl Parts {
    fn of(&mut self, part: Part) -> &mut u64 {
        match part {
            Part::Head => &mut self.head,
            Part::Payload => &mut self.payload,
        }
    }
}

#[cfg(test)]
mod tests;
