//! Time that a command lets go by.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Waits so long. Nobody rings: only a signal that ends the program ends it sooner.
pub(crate) fn pause(time: Duration) {
    let (bell, silence) = (Condvar::new(), Mutex::new(()));
    let guard = silence.lock().unwrap_or_else(PoisonError::into_inner);
    drop(bell.wait_timeout_while(guard, time, |()| true));
}
