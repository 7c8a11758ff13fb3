//! How long a peer is waited for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The time that a peer may take for every few KiB. Only time spent waiting for the peer counts, so a slow disk of ours is
/// not its fault.
#[derive(Debug)]
pub(crate) struct Pace {
    allowance: Duration,
    /// Invariant: `left <= allowance`.
    left: Duration,
    /// Bytes moved since `left` was last full.
    moved: u64,
}

/// The peer used up its time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expired;

impl Pace {
    pub(crate) fn new(allowance: Duration) -> Self {
        Self { allowance, left: allowance, moved: 0 }
    }

    /// Notes that the peer sent or took `len` bytes.
    pub(crate) fn moved(&mut self, len: u64) {
        self.moved += len;
        if self.moved >= PACE_LEN {
            *self = Self::new(self.allowance);
        }
    }

    /// Waits for the peer, as long as it has time left.
    pub(crate) async fn wait<T>(&mut self, event: impl Future<Output = T>) -> Result<T, Expired> {
        let began = Instant::now();
        let waited = timeout(self.left, event).await;
        self.spend(began.elapsed());
        waited.map_err(|_| Expired)
    }

    /// How long the peer may still be waited for.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// Notes that the peer was waited for.
    pub(crate) fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}

/// A peer that moves fewer bytes than this in all the time it has is not worth a descriptor. It is more than the longest
/// trickle that a deadline a byte would allow, and less than any line that people still use brings in a minute.
const PACE_LEN: u64 = 4096;

#[cfg(test)]
mod tests;
