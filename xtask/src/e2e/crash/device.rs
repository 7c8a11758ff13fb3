//! A block device in memory that writes down what is done to it, and can be put back to any moment after a power cut.
//!
//! What was written before a flush that has ended is on the medium. Of what was written since, a power cut leaves any
//! part, in units of a sector: a device and a kernel may do it in any order.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::filler::Filler;

/// A device of [`SIZE`] bytes, at first zeroes.
#[derive(Default)]
pub(super) struct Device(Mutex<State>);

#[derive(Default)]
struct State {
    /// What is on the medium for sure.
    durable: Sectors,
    /// What a reader sees beside that.
    recent: Sectors,
    log: Vec<Entry>,
    is_logging: bool,
    /// How many entries are in what is durable.
    applied: usize,
}

type Sectors = HashMap<u64, Box<[u8]>>;

enum Entry {
    Write { offset: u64, bytes: Box<[u8]> },
    Flush,
}

/// What a power cut leaves of what was written since the last flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Nothing,
    Everything,
    /// Some writes, and of some only some sectors, chosen by a seed.
    Some(u64),
}

impl Device {
    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let state = self.state();
        let mut bytes = vec![0; len];
        for piece in pieces(offset, len) {
            if let Some(sector) = state.recent.get(&piece.sector).or_else(|| state.durable.get(&piece.sector))
            {
                bytes[piece.at..piece.at + piece.len]
                    .copy_from_slice(&sector[piece.start..piece.start + piece.len]);
            }
        }
        bytes
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) {
        let mut state = self.state();
        let State { durable, recent, log, is_logging, .. } = &mut *state;
        put(recent, Some(durable), offset, bytes, |_| true);
        if *is_logging {
            log.push(Entry::Write { offset, bytes: bytes.into() });
        }
    }

    pub(super) fn flush(&self) {
        let mut state = self.state();
        if state.is_logging {
            state.log.push(Entry::Flush);
        }
    }

    /// Everything so far is on the medium, and from here on everything is written down.
    pub(super) fn log(&self) {
        let mut state = self.state();
        let State { durable, recent, is_logging, .. } = &mut *state;
        durable.extend(recent.drain());
        *is_logging = true;
    }

    /// How much was written down: a moment.
    pub(super) fn position(&self) -> u64 {
        self.state().log.len() as u64
    }

    /// The moments right after flushes.
    pub(super) fn flushes(&self) -> Vec<u64> {
        let state = self.state();
        let flushes = state.log.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Flush));
        flushes.map(|(index, _)| index as u64 + 1).collect()
    }

    /// Puts the device back to what a power cut at `at` leaves. Nothing is written down any more; what is written from now
    /// on is there until the next cut, which must not be before this one.
    pub(super) fn cut(&self, at: u64, kept: Kept) {
        let mut state = self.state();
        let State { durable, recent, log, is_logging, applied } = &mut *state;
        *is_logging = false;
        recent.clear();
        let before = &log[..usize::try_from(at).expect("of entries in memory")];
        let flushed = before.iter().rposition(|entry| matches!(entry, Entry::Flush)).unwrap_or(0);
        assert!(*applied <= flushed, "cuts come in order");
        for entry in &before[*applied..flushed] {
            if let Entry::Write { offset, bytes } = entry {
                put(durable, None, *offset, bytes, |_| true);
            }
        }
        *applied = flushed;
        let mut random = Filler::new(if let Kept::Some(seed) = kept { seed } else { 0 });
        for entry in &before[flushed..] {
            let Entry::Write { offset, bytes } = entry else { continue };
            let is_kept = match kept {
                Kept::Nothing => Fate::Lost,
                Kept::Everything => Fate::Whole,
                Kept::Some(_) => Fate::by_chance(random.number()),
            };
            match is_kept {
                Fate::Lost => {}
                Fate::Whole => put(recent, Some(durable), *offset, bytes, |_| true),
                Fate::Torn => put(recent, Some(durable), *offset, bytes, |_| random.number() >> 63 == 0),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of one write.
enum Fate {
    Lost,
    Whole,
    Torn,
}

impl Fate {
    fn by_chance(number: u64) -> Self {
        match number >> 61 {
            0..=3 => Self::Lost,
            4..=5 => Self::Whole,
            _ => Self::Torn,
        }
    }
}

/// A part of one sector.
struct Piece {
    sector: u64,
    /// Where it is in the sector, and where in the bytes.
    start: usize,
    at: usize,
    len: usize,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let place = offset + at as u64;
        let start = usize::try_from(place % SECTOR_LEN as u64).expect("less than a sector");
        let piece =
            Piece { sector: place / SECTOR_LEN as u64, start, at, len: (SECTOR_LEN - start).min(len - at) };
        at += piece.len;
        (piece.len > 0).then_some(piece)
    })
}

/// Writes those pieces that `is_kept` picks; what else is in a sector comes from `below`.
fn put(
    to: &mut Sectors,
    below: Option<&Sectors>,
    offset: u64,
    bytes: &[u8],
    mut is_kept: impl FnMut(&Piece) -> bool,
) {
    for piece in pieces(offset, bytes.len()).filter(|piece| is_kept(piece)) {
        let empty = || {
            below
                .and_then(|below| below.get(&piece.sector).cloned())
                .unwrap_or_else(|| vec![0; SECTOR_LEN].into())
        };
        let sector = to.entry(piece.sector).or_insert_with(empty);
        sector[piece.start..piece.start + piece.len].copy_from_slice(&bytes[piece.at..piece.at + piece.len]);
    }
}

/// What mkfs.xfs insists on, and room for what is put.
pub(super) const SIZE: u64 = 1 << 30;

/// What is written whole or not at all: filesystems rely on that, and so the device says it to them.
pub(super) const SECTOR_LEN: usize = 4096;

#[cfg(test)]
mod tests;
