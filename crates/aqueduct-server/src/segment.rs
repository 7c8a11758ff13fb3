//! A segment of an upload on its way in, whichever protocol it comes by.

use std::os::fd::AsFd;

use aqueduct_flow::{Carried, Intake, ReceiveRoute};
use aqueduct_store::{ChangeError, Landed, Receiving, Upload};

use crate::asked::Door;
use crate::inbox::Inbox;
use crate::metrics::METRICS;
use crate::pour::{Stop, pour};

/// One that is received.
#[derive(Debug)]
pub(crate) struct Segment {
    receiving: Receiving,
    visit: Visit,
}

/// What somebody took in of a segment. It is written down when it ends, however it does: nothing is received that no line
/// of the log accounts for.
#[derive(Debug)]
struct Visit {
    upload: Upload,
    index: u64,
    /// Where in the blob it began.
    begin: u64,
    /// Where the hash has come to.
    end: u64,
    intake: Intake,
    door: Door,
    /// What was counted of what came.
    told: Carried,
    outcome: &'static str,
}

impl Segment {
    pub(crate) fn new(receiving: Receiving, route: ReceiveRoute, door: Door) -> Self {
        let offset = receiving.offset();
        let visit = Visit {
            upload: receiving.upload().clone(),
            index: receiving.index(),
            begin: offset,
            end: offset,
            intake: Intake::new(route),
            door,
            told: Carried::default(),
            outcome: "broken off",
        };
        Self { receiving, visit }
    }

    pub(crate) fn index(&self) -> u64 {
        self.receiving.index()
    }

    /// Where in the blob the next byte belongs.
    pub(crate) fn offset(&self) -> u64 {
        self.receiving.offset()
    }

    /// Whether all of it has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.receiving.left() == 0
    }

    /// Bytes that left the socket and came nowhere.
    pub(crate) fn lost(&self) -> u64 {
        self.visit.intake.lost()
    }

    /// Moves up to `len_max` bytes into it, and none that are of the next; `None` if there are none yet.
    pub(crate) fn pour(
        &mut self,
        inbox: &mut Inbox,
        stream: &impl AsFd,
        len_max: usize,
    ) -> Result<Option<usize>, Stop> {
        let Self { receiving, visit } = self;
        let len_max = usize::try_from(receiving.left()).map_or(len_max, |left| left.min(len_max));
        let poured = pour(receiving, &mut visit.intake, inbox, stream, len_max);
        METRICS.received(visit.door, visit.intake.carried(), &mut visit.told);
        visit.end = receiving.offset();
        if let Err(Stop::TakenOver) = poured {
            visit.outcome = "taken over";
        }
        poured
    }

    /// Ends it, all of which has come.
    pub(crate) fn land(self) -> Result<Landed, ChangeError> {
        let Self { receiving, mut visit } = self;
        let landed = receiving.finish();
        visit.outcome = match landed {
            Ok(Landed::Held) => "held",
            Ok(Landed::Failed) => "failed",
            // Only now: it was hashed to its end.
            Ok(Landed::TakenOver) => "superseded",
            Err(_) => "fault",
        };
        landed
    }

    /// What is left to be received by whoever goes on with it.
    pub(crate) fn into_rest(self) -> Receiving {
        let Self { receiving, mut visit } = self;
        visit.outcome = "parked";
        receiving
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Self { upload, index, begin, end, intake, outcome, .. } = self;
        upload.add_carried(intake.carried());
        tracing::trace!(
            upload = %upload.id(), index, received = intake.carried().total() + intake.lost(), hashed = *end - *begin,
            outcome, "segment"
        );
    }
}

#[cfg(test)]
mod tests;
