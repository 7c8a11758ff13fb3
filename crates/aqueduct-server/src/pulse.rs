//! Whether a reactor still makes its rounds. It is asked, so that it has nothing to do where nobody asks.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// One reactor's pulse.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    asked: Notify,
    /// It was asked, and has not answered.
    is_awaited: AtomicBool,
}

impl Pulse {
    /// A pulse for each of so many reactors.
    pub(crate) fn each(count: NonZeroUsize) -> Vec<Arc<Self>> {
        (0..count.get()).map(|_| Arc::default()).collect()
    }

    /// Asks the reactor, and says whether it has answered what it was asked before.
    pub(crate) fn feel(&self) -> bool {
        let was_awaited = self.is_awaited.swap(true, Ordering::Relaxed);
        self.asked.notify_one();
        !was_awaited
    }

    /// Answers, for as long as the reactor runs.
    pub(crate) async fn beat(self: Arc<Self>) {
        loop {
            self.asked.notified().await;
            self.is_awaited.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
