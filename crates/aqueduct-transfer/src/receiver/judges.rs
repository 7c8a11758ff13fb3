//! Threads that judge segments while their streams go on.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::segment::{Current, Said};

/// A segment that is there, and what the sender says of it.
pub(super) type Case = (Current, Said);

/// Where streams pass their segments to.
#[derive(Clone)]
pub(super) struct Judges(SyncSender<Case>);

/// Where judges take them from, until all streams have ended.
pub(super) struct Cases(Mutex<Receiver<Case>>);

impl Judges {
    /// For so many of them.
    pub(super) fn new(count: usize) -> (Self, Cases) {
        let (sender, receiver) = sync_channel(count);
        (Self(sender), Cases(Mutex::new(receiver)))
    }

    /// Passes a segment on; it comes back if all of them are busy: then the stream is to judge it itself, so that nothing comes
    /// faster than it is verified.
    pub(super) fn pass(&self, case: Case) -> Option<Case> {
        match self.0.try_send(case) {
            Ok(()) => None,
            Err(TrySendError::Full(case) | TrySendError::Disconnected(case)) => Some(case),
        }
    }
}

impl Cases {
    /// The next one.
    pub(super) fn next(&self) -> Option<Case> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

#[cfg(test)]
mod tests;
