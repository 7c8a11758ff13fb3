//! What a dialect knows of its server before a word is said.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
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
                Err(error) if matches!(error.kind(), ErrorKind::Lost | ErrorKind::Connect) => {
                    if !self.was_reached.load(Ordering::Relaxed) {
                        return Err(error);
                    }
                    if !patience.wait() {
                        self.was_reached.store(false, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }
}
