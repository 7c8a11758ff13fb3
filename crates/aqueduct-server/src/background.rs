//! What a store wants done now and then while it is open.

mod scrub;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aqueduct_store::{ScrubFound, Store, SyncPolicy};

use crate::cache::Cache;
use crate::metrics;
use crate::running::Running;

/// Runs until it is dropped. Then what goes on is waited for, but not the hashing of one blob, which may take long, and is the
/// last.
#[derive(Debug)]
pub(crate) struct Background {
    is_over: Arc<AtomicBool>,
    /// The threads that are waited for, each of which ends when its channel does.
    waited_for: Vec<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Background {
    /// Hashes what a power cut made suspect; learns which entries there are; takes away uploads of which nothing came for as long as they are kept; scrubs;
    /// and where publishes are not synced one by one, syncs them every few seconds. Where the store has limits, makes room
    /// before it is needed.
    pub(crate) fn start(store: &Store, cache: &Arc<Cache>, options: &Arc<Running>) -> std::io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut background = Self { is_over: Arc::clone(&is_over), waited_for: Vec::new() };
        let has_suspects = store.has_suspects();
        let is_checking = Arc::new(AtomicBool::new(has_suspects));
        if has_suspects {
            let (store, is_checking) = (store.clone(), Arc::clone(&is_checking));
            named("suspects").spawn(move || {
                check_suspects(&store, &is_over);
                is_checking.store(false, Ordering::Relaxed);
            })?;
        }
        if store.evicts() {
            let cache = Arc::clone(cache);
            let is_over = Arc::clone(&background.is_over);
            background
                .run("room", store, move |store, stopped| keep_room(store, &cache, &is_over, &stopped))?;
        }
        background.run("entries", store, |store, _| read_entries(store))?;
        let running = Arc::clone(options);
        background.run("expiry", store, move |store, stopped| expire(store, &running, &stopped))?;
        let running = Arc::clone(options);
        background.run("scrub", store, move |store, stopped| {
            scrub::run(store, &running, &is_checking, stopped);
        })?;
        if store.sync_policy() == SyncPolicy::None {
            background.run("settle", store, |store, stopped| settle(store, &stopped))?;
        }
        Ok(background)
    }

    fn run(
        &mut self,
        name: &str,
        store: &Store,
        work: impl FnOnce(&Store, mpsc::Receiver<()>) + Send + 'static,
    ) -> std::io::Result<()> {
        let (stop, stopped) = mpsc::channel();
        let store = store.clone();
        let thread = named(name).spawn(move || work(&store, stopped))?;
        self.waited_for.push((stop, thread));
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for (stop, thread) in self.waited_for.drain(..) {
            drop(stop);
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn check_suspects(store: &Store, is_over: &AtomicBool) {
    let mut damaged_count = 0;
    let leave =
        |_| if is_over.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let checked = store.check_suspects(&leave, &mut |found| match found {
        ScrubFound::Checked(checked) if checked.damage.is_empty() => {}
        ScrubFound::Checked(checked) => {
            damaged_count += 1;
            tracing::error!(digest = %checked.digest, "damaged by an unclean stop; moved to quarantine");
        }
        ScrubFound::Failed { fault, .. } => {
            metrics::count_fault(fault.cause());
            tracing::error!(
                error = fault as &dyn std::error::Error,
                "cannot check what an unclean stop left"
            );
        }
    });
    match checked {
        Ok(_) if damaged_count > 0 => tracing::warn!(damaged_count, "checked what an unclean stop left"),
        Ok(_) => {}
        Err(error) => {
            metrics::count_fault(error.cause());
            tracing::error!(%error, "cannot check what an unclean stop left");
        }
    }
}

/// Learns which entries there are before anybody asks for one.
fn read_entries(store: &Store) {
    if let Err(fault) = store.read_entries() {
        metrics::count_fault(fault.cause());
        tracing::error!(error = &fault as &dyn std::error::Error, "cannot read the entries of build caches");
    }
}

/// Looks when the store opens, and then often enough that no upload is kept much longer than it should be.
fn expire(store: &Store, options: &Running, over: &mpsc::Receiver<()>) {
    loop {
        let expiry = options.upload_expiry();
        let pause = (expiry / EXPIRY_LOOK_COUNT).clamp(EXPIRY_PAUSE_MIN, EXPIRY_PAUSE_MAX);
        match store.expire_uploads(expiry) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "took away uploads of which nothing came any more"),
            Err(error) => {
                metrics::count_fault(error.cause());
                tracing::error!(%error, "cannot take away uploads that have expired");
            }
        }
        if over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// Makes room ahead of those who need it. What is answered from memory is used, too.
fn keep_room(store: &Store, cache: &Cache, is_over: &AtomicBool, over: &mpsc::Receiver<()>) {
    loop {
        cache.tell_uses(|digest| store.used(digest));
        let kept = store.keep_room(&|| !is_over.load(Ordering::Relaxed));
        let pause = if kept.is_ok() { ROOM_EVERY } else { ROOM_AFTER_FAULT };
        match kept {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "evicted blobs that were used least lately"),
            Err(error) => {
                metrics::count_fault(error.cause());
                tracing::error!(%error, "cannot make room");
                // That does not end before the store is opened again, and nothing comes meanwhile.
                if store.is_read_only() {
                    return;
                }
            }
        }
        if over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn settle(store: &Store, stopped: &mpsc::Receiver<()>) {
    while stopped.recv_timeout(SETTLE_EVERY) == Err(RecvTimeoutError::Timeout) {
        if let Err(error) = store.settle() {
            metrics::count_fault(error.0.cause());
            tracing::error!(%error, "the store takes no more changes");
            return;
        }
    }
}

/// How often uploads are looked at in the time that they are kept.
const EXPIRY_LOOK_COUNT: u32 = 10;

/// To look is to read a directory of at most some thousands of names. A minute is how long another expiry may wait to be
/// noticed.
const EXPIRY_PAUSE_MIN: Duration = Duration::from_secs(1);
const EXPIRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Less than the room that is made ahead is written in such a time.
const ROOM_EVERY: Duration = Duration::from_secs(1);

/// A disk that fails is asked no more often than somebody could look at it.
const ROOM_AFTER_FAULT: Duration = Duration::from_secs(30);

/// What a power cut may cost of the newest blobs where they are not synced one by one.
const SETTLE_EVERY: Duration = Duration::from_secs(5);
