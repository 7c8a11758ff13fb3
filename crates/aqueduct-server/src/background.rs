//! What a store wants done now and then while it is open.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aqueduct_store::{Store, SyncPolicy};

/// Runs until it is dropped. Then a settling that goes on is waited for; the hashing of one blob, which may take long, is
/// not, and is the last.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Option<mpsc::Sender<()>>,
    is_over: Arc<AtomicBool>,
    settling: Option<JoinHandle<()>>,
}

impl Background {
    /// Hashes what a power cut made suspect; and where publishes are not synced one by one, syncs them every few seconds.
    pub(crate) fn start(store: &Store) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let mut background = Self { stop: Some(stop), is_over: Arc::clone(&is_over), settling: None };
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        if store.has_suspects() {
            let store = store.clone();
            named("suspects").spawn(move || check_suspects(&store, &is_over))?;
        }
        if store.sync_policy() == SyncPolicy::None {
            let store = store.clone();
            background.settling = Some(named("settle").spawn(move || settle(&store, &stopped))?);
        }
        Ok(background)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.stop = None;
        // One that panicked has said so.
        let _ = self.settling.take().map(JoinHandle::join);
    }
}

fn check_suspects(store: &Store, is_over: &AtomicBool) {
    let mut damaged_count = 0;
    let checked = store.check_suspects(|checked| {
        if !checked.damage.is_empty() {
            damaged_count += 1;
            tracing::error!(digest = %checked.digest, "damaged by an unclean stop; moved to quarantine");
        }
        if is_over.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match checked {
        Ok(_) if damaged_count > 0 => tracing::warn!(damaged_count, "checked what an unclean stop left"),
        Ok(_) => {}
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
