//! What a dialect knows of its server before a word is said.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{Error, Mend};
use crate::options::Options;
use crate::patience::Patience;

/// A server, and how to behave towards it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) endpoint: Endpoint,
    pub(crate) options: Options,
    /// Whether the server was ever there: one that restarts is waited for, and one that never was is not.
    was_reached: AtomicBool,
}

impl Site {
    pub(crate) fn new(endpoint: Endpoint, options: Options) -> Self {
        Self { endpoint, options, was_reached: AtomicBool::new(false) }
    }

    /// Notes that the server is there.
    pub(crate) fn reached(&self) {
        self.was_reached.store(true, Ordering::Relaxed);
    }

    /// Runs `attempt` again as long as it loses its connection, and nothing is lost with that but time. It refreshes its
    /// patience with what need not be done again.
    pub(crate) fn persist<T>(
        &self,
        mut attempt: impl FnMut(&mut Patience) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut patience = Patience::new(&self.options);
        loop {
            match attempt(&mut patience) {
                Err(error) => self.wait_after(error, &mut patience)?,
                done => return done,
            }
        }
    }

    /// Waits before the next attempt, or fails with what the last one failed with. A server that was never reached is not
    /// waited for.
    pub(crate) fn wait_after(&self, error: Error, patience: &mut Patience) -> Result<(), Error> {
        let goes_on = match error.mend() {
            Mend::Nothing => false,
            // A new one has not been kept.
            Mend::OtherLine => true,
            Mend::Connection => patience.reconnect(),
            Mend::Time => self.was_reached.load(Ordering::Relaxed) && patience.wait(),
        };
        if goes_on { Ok(()) } else { Err(error) }
    }

    /// How long to wait for the answer to a blob of `size` bytes that was sent: the server syncs it first.
    pub(crate) fn answer_wait(&self, size: u64) -> Duration {
        self.options.answer_timeout + Duration::from_secs(size / SYNC_RATE_MIN)
    }
}

/// How a client names itself.
pub(crate) const USER_AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));

/// Bytes a second: a disk that syncs more slowly is broken.
const SYNC_RATE_MIN: u64 = 16 << 20;
