//! What signals are about while bytes move.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use super::teller::Teller;
use crate::fault::Fault;

/// Signals that by themselves end nothing any more.
pub(super) fn catch() -> Result<Signals, Fault> {
    Signals::new([SIGINT, SIGTERM, SIGUSR1]).map_err(Fault::local("catch signals"))
}

/// Does what signals say, until they are [closed](Closing). `first` is the one that asked to stop.
pub(super) fn obey(signals: &mut Signals, first: &OnceLock<i32>, stop: &AtomicBool, teller: &Teller<'_, '_>) {
    for signal in signals {
        match signal {
            SIGUSR1 => teller.glance_now(),
            _ => match first.set(signal) {
                Ok(()) => {
                    stop.store(true, Ordering::Relaxed);
                    teller.stopping();
                }
                // As if it had never been caught; it does not return.
                Err(_) => drop(emulate_default_handler(signal)),
            },
        }
    }
}

/// Ends [`obey`] when it is dropped, be it by a panic.
pub(super) struct Closing(pub(super) Handle);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}
