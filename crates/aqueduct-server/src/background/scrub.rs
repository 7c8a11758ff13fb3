//! The scrub of a store that is served: now and then, slowly, and after everybody else.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aqueduct_flow::Throttle;
use aqueduct_store::{ScrubFound, ScrubPlan, Store};
use aqueduct_sys::{set_thread_io_idle, set_thread_nice};

use crate::running::Running;

/// Begins a scrub whenever it is time for one, until it is stopped. One that is broken off then goes on the next time.
pub(super) fn run(store: &Store, options: &Running, is_checking: &AtomicBool, stopped: Receiver<()>) {
    let stopped = Mutex::new(stopped);
    // Whoever may not give way reads as slowly all the same.
    let _ = set_thread_nice(NICE_MAX);
    let _ = set_thread_io_idle();
    // What comes with a start has a minute to itself, where scrubs are not more frequent than that.
    while !is_stopped(&stopped, pause(options)) {
        // What an unclean stop left is being hashed already.
        if is_checking.load(Ordering::Relaxed) || store.is_read_only() {
            continue;
        }
        let Some(every) = options.scrub_every() else { continue };
        match store.is_scrub_due(every) {
            Ok(true) => scrub(store, options, &stopped),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "cannot tell whether it is time to scrub"),
        }
    }
}

/// How long until it is looked again.
fn pause(options: &Running) -> Duration {
    options.scrub_every().map_or(PAUSE_MAX, |every| (every / LOOK_COUNT).clamp(PAUSE_MIN, PAUSE_MAX))
}

fn scrub(store: &Store, options: &Running, stopped: &Mutex<Receiver<()>>) {
    match store.scrub_state().pass {
        Some(pass) => tracing::info!(count = pass.count, size = pass.size, "going on with a scrub"),
        None => tracing::info!("scrubbing: every blob is read from the medium and verified"),
    }
    let throttle = Throttle::new(options.scrub_rate());
    let leave = |len| {
        // A pass takes days, in which both may change.
        throttle.set_rate(options.scrub_rate());
        let is_over =
            options.scrub_every().is_none() || is_stopped(stopped, throttle.take(len, Instant::now()));
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // More would disturb more: one core hashes much faster than this is to be read.
    let plan = ScrubPlan { threads: NonZeroUsize::MIN, restart: false };
    match store.scrub(&plan, &leave, &mut tell) {
        Ok(pass) if pass.ended.is_none() => {
            tracing::info!(
                count = pass.count,
                size = pass.size,
                "a scrub was broken off, and goes on next time"
            );
        }
        Ok(pass) if pass.damaged + pass.failed > 0 => {
            let (count, size, damaged, failed) = (pass.count, pass.size, pass.damaged, pass.failed);
            tracing::warn!(count, size, damaged, failed, "scrubbed");
        }
        Ok(pass) => tracing::info!(count = pass.count, size = pass.size, "scrubbed: all intact"),
        Err(error) => {
            tracing::error!(error = %WithCause(&error), "a scrub ended early, and goes on next time");
        }
    }
}

/// Waits for `time`; true if it was stopped before.
fn is_stopped(stopped: &Mutex<Receiver<()>>, time: Duration) -> bool {
    let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
    stopped.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
}

fn tell(found: &ScrubFound) {
    match found {
        ScrubFound::Checked(checked) if checked.damage.is_empty() => {
            tracing::info!(digest = %checked.digest, "its checkpoints were missing or wrong, and are new");
        }
        ScrubFound::Checked(checked) => {
            let (digest, size, damage) = (checked.digest, checked.size, &checked.damage);
            tracing::error!(%digest, size, ?damage, "damaged; moved to quarantine");
        }
        ScrubFound::Failed { range: Some(range), fault, .. } => {
            tracing::error!(fault = %WithCause(fault), ?range, "cannot be read");
        }
        ScrubFound::Failed { fault, .. } => tracing::error!(fault = %WithCause(fault), "cannot be scrubbed"),
    }
}

/// An error with what it comes from.
struct WithCause<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for WithCause<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.source().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

/// How often it is looked in the time between two scrubs.
const LOOK_COUNT: u32 = 10;

/// To look is to compare two numbers. A minute is how long other options may wait to be noticed.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// After everybody else: sched(7).
const NICE_MAX: i32 = 19;
