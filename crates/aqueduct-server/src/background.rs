//! What a store wants done now and then while it is open.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use aqueduct_store::{Store, SyncPolicy};

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    _stop: mpsc::Sender<()>,
}

impl Background {
    /// Hashes what a power cut made suspect; and where publishes are not synced one by one, syncs them every few seconds.
    pub(crate) fn start(store: &Store) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let suspecting = store.clone();
        thread::Builder::new().name("suspects".to_owned()).spawn(move || check_suspects(&suspecting))?;
        if store.sync_policy() == SyncPolicy::None {
            let store = store.clone();
            thread::Builder::new().name("settle".to_owned()).spawn(move || settle(&store, &stopped))?;
        }
        Ok(Self { _stop: stop })
    }
}

fn check_suspects(store: &Store) {
    let mut damaged_count = 0;
    let checked = store.check_suspects(|checked| {
        if !checked.damage.is_empty() {
            damaged_count += 1;
            tracing::error!(digest = %checked.digest, "damaged by an unclean stop; moved to quarantine");
        }
    });
    match checked {
        Ok(()) if damaged_count > 0 => tracing::warn!(damaged_count, "checked what an unclean stop left"),
        Ok(()) => {}
        Err(error) => tracing::error!(%error, "cannot check what an unclean stop left"),
    }
}

fn settle(store: &Store, stopped: &mpsc::Receiver<()>) {
    while stopped.recv_timeout(SETTLE_EVERY) == Err(RecvTimeoutError::Timeout) {
        if let Err(error) = store.settle() {
            tracing::error!(%error, "the store takes no more changes");
            return;
        }
    }
}

/// What a power cut may cost of the newest blobs where they are not synced one by one.
const SETTLE_EVERY: Duration = Duration::from_secs(5);
