//! How long a peer is waited for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The time that a peer may take for as many bytes as the slowest that is served moves in it: whoever begins has all of it, and
/// may be as slow at first as it likes. Only time spent waiting for the peer counts, so a slow disk of ours is not its fault.
#[derive(Debug)]
pub(crate) struct Pace {
    allowance: Duration,
    /// How many bytes buy all of it again; at least 1.
    len: u64,
    /// Invariant: `left <= allowance`.
    left: Duration,
    /// Bytes moved since `left` was last full.
    moved: u64,
}

/// The peer used up its time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expired;

impl Pace {
    /// For a peer that is to move at least `rate` bytes a second, counted over every `allowance`.
    pub(crate) fn new(allowance: Duration, rate: u64) -> Self {
        let len = u128::from(rate) * allowance.as_millis() / 1000;
        Self { allowance, len: u64::try_from(len).unwrap_or(u64::MAX).max(1), left: allowance, moved: 0 }
    }

    /// Notes that the peer sent or took `len` bytes.
    pub(crate) fn moved(&mut self, len: u64) {
        self.moved += len;
        if self.moved >= self.len {
            (self.left, self.moved) = (self.allowance, 0);
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

#[cfg(test)]
mod tests;
