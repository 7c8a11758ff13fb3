//! A segment on its way into its place.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use aqueduct_blob::{SEGMENT_LEN, segment_count, segment_range};
use aqueduct_flow::{Intake, ReceiveRoute, Side, Step};
use aqueduct_sys::{Errno, Reserve, fallocate, punch_hole};
use aqueduct_wire::transfer::{EntryId, Verify};
use std::os::fd::AsFd;

use super::Attempt;
use super::arrival::{Arrival, Ground, Judged, Place};
use super::judges::Judges;
use crate::Error;
use crate::landing::Arriving;
use crate::line::Line;

/// The segment that a stream is in the midst of.
pub(super) struct Current {
    arrival: Arc<Arrival>,
    index: u64,
    range: Range<u64>,
    ground: Ground,
    /// Up to where it is there, or known to be a hole.
    at: u64,
    /// What came of it: the rest are holes.
    came: Vec<Range<u64>>,
    /// For standard output, which gets it once it is verified.
    held: Vec<u8>,
}

impl Current {
    /// `None` while another stream is in the midst of the same segment.
    pub(super) fn begin(arrival: &Arc<Arrival>, size: u64, index: u64) -> Option<Self> {
        let ground = arrival.enter(index)?;
        let range = segment_range(size, index);
        Some(Self {
            arrival: Arc::clone(arrival),
            index,
            at: range.start,
            range,
            ground,
            came: Vec::new(),
            held: Vec::new(),
        })
    }

    fn is(&self, id: EntryId, index: u64) -> bool {
        self.arrival.id == id && self.index == index
    }

    /// Shows all of it, as it lies in its place now.
    fn show(&self, observe: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        match &self.arrival.place {
            // A file of holes need not be there to be read.
            Place::File(_) if self.came.is_empty() => {
                crate::show_zeroes(self.range.end - self.range.start, observe);
                Ok(())
            }
            Place::File(arriving) => crate::show_parts(arriving.file()?, &self.range, &self.came, observe)
                .map_err(|error| Error::disk("cannot read what was just written", error)),
            Place::Stdout | Place::Nowhere => {
                observe(&self.held);
                Ok(())
            }
        }
    }
}

/// What the sender says of a segment: the states before and after it, where they are known.
pub(super) struct Said {
    pub(super) before: [u8; 32],
    pub(super) after: [u8; 32],
}

impl Drop for Current {
    fn drop(&mut self) {
        self.arrival.leave(self.index);
    }
}

impl Attempt<'_> {
    /// Takes bytes of a segment from the socket into their place.
    pub(super) fn take_bytes(
        &self,
        line: &Line,
        entry: EntryId,
        offset: u64,
        len: u64,
        current: &mut Option<Current>,
    ) -> Result<(), Error> {
        self.wait_for(line, entry)?;
        self.pace(self.portion(len))?;
        let Some(arrival) = self.ledger.file(entry) else { return discard(line, len) };
        let Some(size) = arrival.size else { return self.take_stream(line, &arrival, offset, len) };
        if matches!(arrival.place, Place::Nowhere) {
            return discard(line, len);
        }
        let index = offset / SEGMENT_LEN;
        let end = offset.checked_add(len);
        let range = segment_range(size, index);
        if len == 0 || end.is_none_or(|end| end > range.end) {
            return Err(line.nonsense("bytes lie outside of their segment"));
        }
        if arrival.has(index) {
            return discard(line, len);
        }
        let Some(mut taking) = current_for(current.take(), &arrival, size, index) else {
            return discard(line, len);
        };
        if offset < taking.at {
            return Err(line.nonsense("bytes of a segment are not in order"));
        }
        self.skip_to(&mut taking, offset)?;
        match &arrival.place {
            Place::File(arriving) => self.receive(line, arriving, &taking, len)?,
            Place::Stdout | Place::Nowhere => {
                self.pace(len - self.portion(len))?;
                let begin = taking.held.len();
                taking.held.resize(begin + usize::try_from(len).unwrap_or(usize::MAX), 0);
                line.read_exact(&mut taking.held[begin..])?;
            }
        }
        taking.at = offset + len;
        match taking.came.last_mut().filter(|last| last.end == offset) {
            Some(last) => last.end = taking.at,
            None => taking.came.push(offset..taking.at),
        }
        *current = Some(taking);
        Ok(())
    }

    /// A segment is there: has it held against what the sender says, by `judges` where that would keep the stream waiting.
    pub(super) fn take_sum(
        &self,
        line: &Line,
        entry: EntryId,
        index: u64,
        said: Said,
        current: Option<Current>,
        judges: &Judges,
    ) -> Result<(), Error> {
        self.wait_for(line, entry)?;
        let Some(arrival) = self.ledger.file(entry) else { return Ok(()) };
        if matches!(arrival.place, Place::Nowhere) {
            return Ok(());
        }
        let Some(size) = arrival.size.filter(|size| index < segment_count(*size)) else {
            return Err(line.nonsense("there is no such segment"));
        };
        if arrival.has(index) {
            return Ok(());
        }
        let Some(mut taken) = current_for(current, &arrival, size, index) else { return Ok(()) };
        let end = taken.range.end;
        self.skip_to(&mut taken, end)?;
        // What is only counted takes no time, and standard output gets one segment after the other.
        let is_quick = self.offer.verify == Verify::None || matches!(arrival.place, Place::Stdout);
        match if is_quick { Some((taken, said)) } else { judges.pass((taken, said)) } {
            Some((taken, said)) => self.judge(taken, &said),
            None => Ok(()),
        }
    }

    /// Holds a segment against what the sender says.
    pub(super) fn judge(&self, taken: Current, said: &Said) -> Result<(), Error> {
        let arrival = Arc::clone(&taken.arrival);
        if arrival.is_settled() {
            return Ok(());
        }
        let judged = match self.compare(&taken, said) {
            // It was given up meanwhile, and its file is gone.
            Err(_) if arrival.is_settled() => return Ok(()),
            judged => judged?,
        };
        match judged {
            Judged::Known => drop(taken),
            Judged::Wrong(segments) => {
                // Whatever comes for it while somebody is in the midst of it would be dropped.
                drop(taken);
                return self.ask_again(&arrival, &segments);
            }
            Judged::New(record) => {
                match &arrival.place {
                    Place::File(arriving) => arriving.record(&record)?,
                    Place::Stdout => self.pass(&taken.held)?,
                    Place::Nowhere => {}
                }
                let len = taken.range.end - taken.range.start;
                self.receiver.gauge.add_verified(len);
                self.ledger.add_verified(len);
                drop(taken);
                arrival.recorded();
            }
        }
        self.settle(&arrival)
    }

    fn compare(&self, taken: &Current, said: &Said) -> Result<Judged, Error> {
        let arrival = &taken.arrival;
        Ok(match self.offer.verify {
            Verify::Full => {
                let (mut hasher, wrong) = arrival
                    .begin(taken.index, said.before)
                    .ok_or_else(|| self.first.nonsense("there is no such segment"))?;
                self.ask_again(arrival, &wrong)?;
                taken.show(&mut |bytes| hasher.update(bytes))?;
                arrival.judge(hasher, &said.after)
            }
            Verify::Wire => {
                let mut crc = crc32fast::Hasher::new();
                taken.show(&mut |bytes| crc.update(bytes))?;
                match crate::wire_check(crc.finalize()) == said.after {
                    true => arrival.take(taken.index),
                    false => Judged::Wrong(vec![taken.index]),
                }
            }
            Verify::None => arrival.take(taken.index),
        })
    }

    /// Nothing comes up to `offset`: it is a hole, or was filled before and is none any more.
    fn skip_to(&self, taking: &mut Current, offset: u64) -> Result<(), Error> {
        let len = offset - taking.at;
        if len == 0 {
            return Ok(());
        }
        match &taking.arrival.place {
            Place::File(arriving) if self.resumes || taking.ground == Ground::Touched => {
                fill(arriving, taking.at..offset)?;
            }
            Place::File(_) => {}
            Place::Stdout | Place::Nowhere => {
                let held_len = taking.held.len() + usize::try_from(len).unwrap_or(usize::MAX);
                taking.held.resize(held_len, 0);
            }
        }
        taking.at = offset;
        Ok(())
    }

    /// Waits until so many bytes may be taken, if there is a limit.
    fn pace(&self, len: u64) -> Result<(), Error> {
        self.patience.pace(self.receiver.throttle.as_ref(), len)
    }

    /// What may come of so many bytes before the next look at the limit to how many do in a second.
    fn portion(&self, len: u64) -> u64 {
        if self.receiver.throttle.is_some() { len.min(PACED_LEN) } else { len }
    }

    /// Takes the bytes of a frame, of which the first [portion](Self::portion) may come now.
    fn receive(&self, line: &Line, arriving: &Arriving, taking: &Current, len: u64) -> Result<(), Error> {
        let mut at = taking.at;
        if len >= RESERVED_LEN_MIN && !arriving.has_room() {
            reserve(arriving, at..at + len)?;
        }
        let end = at + len;
        // Whoever judges them reads them back: they may go by reference.
        let mut intake = Intake::new(ReceiveRoute::Splice);
        intake.set_observed(false);
        let file = arriving.file()?;
        let mut since = Instant::now();
        let mut paced_end = at + self.portion(len);
        while at < end {
            self.patience.check_end()?;
            if at == paced_end {
                paced_end = at + self.portion(end - at);
                self.pace(paced_end - at)?;
            }
            let left = usize::try_from(paced_end - at).unwrap_or(usize::MAX);
            match intake.step(line.as_fd(), file, at, left, &mut |_| ()) {
                Ok(Step::Moved(moved)) => {
                    at += moved as u64;
                    since = Instant::now();
                    self.patience.pulse.beat();
                }
                Ok(Step::Blocked(_)) => self.patience.check(since)?,
                Ok(Step::End) => return Err(line.lost(std::io::ErrorKind::UnexpectedEof.into())),
                Err(error) if intake.failed_side() == Some(Side::Target) => {
                    return Err(arriving.failed("cannot write", error));
                }
                Err(error) => return Err(line.lost(error)),
            }
        }
        let carried = *intake.carried();
        self.ledger.count(|tally| tally.carried += carried);
        Ok(())
    }
}

/// The segment that a stream is at. Another one that was not whole is sent again from its start, or never was meant to be.
///
/// `None` while another stream brings the same: it was asked for twice, and one of them is enough.
fn current_for(current: Option<Current>, arrival: &Arc<Arrival>, size: u64, index: u64) -> Option<Current> {
    match current.filter(|current| current.is(arrival.id, index)) {
        Some(current) => Some(current),
        None => Current::begin(arrival, size, index),
    }
}

/// Makes a hole where something else may be; where the filesystem makes none, zeroes.
fn fill(arriving: &Arriving, range: Range<u64>) -> Result<(), Error> {
    let file = arriving.file()?;
    let failed = |error| arriving.failed("cannot write", error);
    let len = file.metadata().map_err(failed)?.len();
    let end = range.end.min(len);
    if range.start >= end || punch_hole(file, range.start, end - range.start).is_ok() {
        return Ok(());
    }
    let mut at = range.start;
    let mut written = Ok(());
    crate::show_zeroes(end - range.start, &mut |zeroes| {
        if written.is_ok() {
            written = file.write_all_at(zeroes, at);
            at += zeroes.len() as u64;
        }
    });
    written.map_err(failed)
}

/// Reserves what is about to come: blocks in one piece are written faster, and a full disk is known at once.
fn reserve(arriving: &Arriving, range: Range<u64>) -> Result<(), Error> {
    let reserved = fallocate(arriving.file()?, Reserve::KeepSize, range.start, range.end - range.start);
    match reserved {
        Err(error) if matches!(error.errno(), Errno::NOSPC | Errno::DQUOT) => {
            Err(arriving.failed("cannot write", error.into()))
        }
        // Not every filesystem can; the write will tell.
        _ => Ok(()),
    }
}

/// Reads what nobody wants.
pub(super) fn discard(line: &Line, len: u64) -> Result<(), Error> {
    let mut scratch = [0; 16 * 1024];
    let mut left = len;
    while left > 0 {
        let part = usize::try_from(left).map_or(scratch.len(), |left| left.min(scratch.len()));
        line.read_exact(&mut scratch[..part])?;
        left -= part as u64;
    }
    Ok(())
}

/// What may come at once where there is a limit to how many bytes do in a second.
const PACED_LEN: u64 = 1 << 20;

/// To reserve less is not worth a call.
const RESERVED_LEN_MIN: u64 = 512 * 1024;
