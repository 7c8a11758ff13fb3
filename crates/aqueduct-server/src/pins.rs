//! What workers do about pins.

use aqueduct_blob::Digest;
use aqueduct_store::{PinError, Store};

use crate::door::{Outcome, PinIntent, PinOutcome, Refusal};

pub(crate) fn serve(store: &Store, intent: PinIntent) -> Outcome {
    let outcome = match intent {
        PinIntent::Pin(digest) => pin(store, digest),
        PinIntent::Unpin(digest) => unpin(store, digest),
        PinIntent::List { after, limit } => list(store, after, limit),
    };
    outcome.map_or_else(Outcome::Refused, Outcome::Pins)
}

fn pin(store: &Store, digest: Digest) -> Result<PinOutcome, Refusal> {
    let is_new = store.pin(&digest)?;
    // After it was pinned: what is there now stays.
    Ok(PinOutcome::Pinned { digest, is_new, is_present: store.has(&digest)? })
}

fn unpin(store: &Store, digest: Digest) -> Result<PinOutcome, Refusal> {
    if store.unpin(&digest)? { Ok(PinOutcome::Unpinned) } else { Err(Refusal::NotPinned { digest }) }
}

fn list(store: &Store, after: Option<Digest>, limit: usize) -> Result<PinOutcome, Refusal> {
    let pins = store.pins(after.as_ref(), limit)?;
    let next = (pins.len() == limit).then(|| pins.last().copied()).flatten();
    Ok(PinOutcome::Listed { pins, next })
}

impl From<PinError> for Refusal {
    fn from(error: PinError) -> Self {
        match error {
            PinError::TooMany { limit } => {
                tracing::warn!("{error}");
                Self::TooManyPins { limit }
            }
            PinError::Change(error) => error.into(),
        }
    }
}
