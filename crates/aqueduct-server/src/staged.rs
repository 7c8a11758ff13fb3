//! A blob that comes in one body, or not at all.

use std::os::fd::AsFd;
use std::sync::Arc;

use aqueduct_flow::{Carried, Intake};
use aqueduct_store::Staging;

use crate::door::{Outcome, Refusal, Write};
use crate::hashers::{Hashers, Hashing};
use crate::inbox::Inbox;
use crate::metrics::{CountedStaging, METRICS};
use crate::pour::{self, Stop, pour};
use crate::server::Shared;
use crate::upload::{Begun, Sink};
use crate::{stored, work};

/// A body that is staged. To drop it is to give it up.
pub(crate) struct Staged {
    staging: Staging,
    intake: Intake,
    /// What was counted of what came.
    told: Carried,
    hashing: Hashing,
    hashers: Arc<Hashers>,
    write: Write,
    size_max: u64,
    _counted: CountedStaging,
}

/// Begins one. `size` is the length of the body, if it is known. For workers.
pub(crate) fn begin(shared: &Shared, write: Write, size: Option<u64>) -> Begun<Staged> {
    let limit = shared.options.blob_size_max();
    if size.is_some_and(|size| size > limit) {
        return Begun::Over(Outcome::Refused(Refusal::TooLarge { limit }));
    }
    match work::begin(&shared.store, write, size) {
        Err(refusal) => Begun::Over(Outcome::Refused(refusal)),
        Ok(work::Begun::Present(published)) => Begun::Over(Outcome::Stored(published)),
        Ok(work::Begun::Staging(staging)) => Begun::Under(Staged {
            staging: *staging,
            intake: Intake::new(shared.options.receive_route_for(size)),
            told: Carried::default(),
            hashing: Hashing::default(),
            hashers: Arc::clone(&shared.hashers),
            write,
            size_max: limit,
            _counted: CountedStaging::new(),
        }),
    }
}

impl Staged {
    /// Appends bytes that are in memory, whose number is for the caller to bound.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let Self { staging, intake, told, hashing, hashers, write, .. } = self;
        let _busy = hashers.work();
        let put = pour::put(staging, intake, bytes);
        METRICS.received(write.door, intake.carried(), told);
        put?;
        hashing.settle(hashers, staging);
        Ok(())
    }
}

impl Sink for Staged {
    fn admit(&self, len: u64) -> Result<(), Refusal> {
        if self.staging.len().saturating_add(len) > self.size_max {
            return Err(Refusal::TooLarge { limit: self.size_max });
        }
        Ok(())
    }

    fn pour(&mut self, inbox: &mut Inbox, stream: &impl AsFd, len_max: usize) -> Result<Option<usize>, Stop> {
        let Self { staging, intake, told, hashing, hashers, write, .. } = self;
        let _busy = hashers.work();
        let poured = pour(staging, intake, inbox, stream, len_max);
        METRICS.received(write.door, intake.carried(), told);
        let poured = poured?;
        hashing.settle(hashers, staging);
        Ok(poured)
    }

    fn lost(&self) -> u64 {
        self.intake.lost()
    }

    /// Verifies and publishes it.
    fn finish(mut self) -> Outcome {
        self.hashing.end(&mut self.staging);
        let carried = *self.intake.carried();
        match work::publish(self.staging, self.write) {
            Ok(published) => {
                stored::note(&published, &carried);
                Outcome::Stored(published)
            }
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// To close a file without a name is to free all its space, which a filesystem takes time for.
    fn give_up(self) {}
}
