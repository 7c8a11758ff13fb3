//! Bytes of a blob on their way from a peer into a file, as far as there are any: what a worker moves at once.

use std::io;
use std::os::fd::AsFd;

use aqueduct_flow::{Intake, Side, Step};
use aqueduct_store::{Receiving, Staging, TakenOver, Turn};

use crate::door::Refusal;
use crate::inbox::Inbox;
use crate::work;

/// What bytes are poured into.
pub(crate) trait Basin {
    /// Whether it looks at what it is filled with.
    fn is_looking(&self) -> bool;

    fn fill(&mut self, turn: &mut Turn<'_>) -> io::Result<Step>;
}

impl Basin for Receiving {
    fn is_looking(&self) -> bool {
        true
    }

    fn fill(&mut self, turn: &mut Turn<'_>) -> io::Result<Step> {
        Self::fill(self, turn)
    }
}

impl Basin for Staging {
    /// Not while somebody else hashes it.
    fn is_looking(&self) -> bool {
        self.is_hashing()
    }

    fn fill(&mut self, turn: &mut Turn<'_>) -> io::Result<Step> {
        Self::fill(self, turn)
    }
}

/// Why no more can be poured.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    /// The peer went away.
    Gone(io::Error),
    /// Somebody else receives the segment; nothing was moved.
    TakenOver,
}

/// Moves up to `len_max` bytes: those that were read ahead, and where there are none, those that the socket has. `None` if
/// it has none yet.
pub(crate) fn pour(
    basin: &mut impl Basin,
    intake: &mut Intake,
    inbox: &mut Inbox,
    stream: &impl AsFd,
    len_max: usize,
) -> Result<Option<usize>, Stop> {
    if inbox.is_empty() {
        return step(basin, intake, stream, len_max);
    }
    let bytes = &inbox.bytes()[..len_max.min(inbox.bytes().len())];
    let moved = bytes.len();
    put(basin, intake, bytes)?;
    inbox.take(moved);
    Ok(Some(moved))
}

/// Puts bytes that are in memory.
pub(crate) fn put(basin: &mut impl Basin, intake: &mut Intake, bytes: &[u8]) -> Result<(), Stop> {
    let put = basin.fill(&mut |file, offset, observe| {
        intake.put(bytes, file, offset, &mut |bytes| observe(bytes))?;
        Ok(Step::Moved(bytes.len()))
    });
    put.map(drop).map_err(|error| stop(error, intake))
}

fn step(
    basin: &mut impl Basin,
    intake: &mut Intake,
    stream: &impl AsFd,
    len_max: usize,
) -> Result<Option<usize>, Stop> {
    intake.set_observed(basin.is_looking());
    let step = basin.fill(&mut |file, offset, observe| {
        intake.step(stream.as_fd(), file, offset, len_max, &mut |bytes| observe(bytes))
    });
    match step {
        Ok(Step::Moved(moved)) => Ok(Some(moved)),
        Ok(Step::Blocked(_)) => Ok(None),
        Ok(Step::End) => Err(Stop::Gone(io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(stop(error, intake)),
    }
}

/// Whose fault it is, is where the call failed that met it.
fn stop(error: io::Error, intake: &Intake) -> Stop {
    if error.get_ref().is_some_and(|cause| cause.is::<TakenOver>()) {
        Stop::TakenOver
    } else if intake.failed_side() == Some(Side::Source) {
        Stop::Gone(error)
    } else {
        Stop::Refused(work::fault("receive a blob", &error))
    }
}
