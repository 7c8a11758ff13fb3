//! What a dialect knows of its server before a word is said.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Mend};
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

    /// Runs `attempt` again as long as it loses its connection. A server that was never reached is not waited for, and
    /// one that was waited for in vain not again.
    pub(crate) fn persist<T>(&self, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let mut patience = Patience::new(&self.options);
        loop {
            match attempt() {
                // To be silent is an answer, and took its time.
                Err(error) if error.kind() == ErrorKind::Timeout => return Err(error),
                Err(error) => self.wait_after(error, &mut patience)?,
                done => return done,
            }
        }
    }

    /// Waits before the next attempt, or fails with what the last one failed with.
    pub(crate) fn wait_after(&self, error: Error, patience: &mut Patience) -> Result<(), Error> {
        let goes_on = match error.mend() {
            Mend::Nothing => false,
            Mend::Connection => patience.reconnect(),
            Mend::Time if !self.was_reached.load(Ordering::Relaxed) => false,
            Mend::Time => {
                let goes_on = patience.wait();
                if !goes_on {
                    self.was_reached.store(false, Ordering::Relaxed);
                }
                goes_on
            }
        };
        if goes_on { Ok(()) } else { Err(error) }
    }
}

/// How a client names itself.
pub(crate) const USER_AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));
