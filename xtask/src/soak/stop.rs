//! When to stop: told once, heard by all.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

#[derive(Default)]
pub(super) struct Stop {
    is_told: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    /// For what does one round before it looks.
    pub(super) fn after_one_round() -> std::sync::Arc<Self> {
        let stop = Self::default();
        stop.now();
        std::sync::Arc::new(stop)
    }

    pub(super) fn now(&self) {
        *self.is_told() = true;
        self.told.notify_all();
    }

    /// Whether it was told within `time`, which it waits for.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let is_told = self.told.wait_timeout_while(self.is_told(), time, |is_told| !*is_told);
        *is_told.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn is_now(&self) -> bool {
        *self.is_told()
    }

    /// Tells all to stop if this one failed.
    pub(super) fn guard<T>(&self, outcome: Result<T>) -> Result<T> {
        if outcome.is_err() {
            self.now();
        }
        outcome
    }

    fn is_told(&self) -> MutexGuard<'_, bool> {
        self.is_told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
