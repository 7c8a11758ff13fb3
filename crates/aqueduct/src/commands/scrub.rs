//! `scrub`: every blob read again from the disk, until it is done or a signal says otherwise.

mod report;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aqueduct_flow::Throttle;
use aqueduct_store::{ScrubFound, ScrubPlan, Store};
use aqueduct_sys::{set_thread_io_idle, set_thread_nice};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;

use crate::fault::Fault;
use crate::flags::Scrub;
use crate::opened::{Opening, cores, with_store};
use crate::output::Output;
use crate::pause::pause;
use crate::progress;
use crate::text::{counted, date, size};
use crate::voice::Voice;
use report::Report;

pub(super) fn run(scrub: &Scrub, json: bool, voice: &Voice, output: &mut Output<'_>) -> Result<(), Fault> {
    // For all threads of this program. Whoever may not give way works as usual.
    let _ = set_thread_nice(NICE_MAX);
    let _ = set_thread_io_idle();
    let signal = caught().map_err(Fault::local("catch signals"))?;
    let scrubbed = with_store(&scrub.store, Opening::EXISTING, voice, |store| {
        scrub_all(store, scrub, &signal, Report::new(json, voice, output))
    });
    let number = signal.load(Ordering::Relaxed);
    if scrubbed.is_ok() && number != 0 {
        output.flush()?;
        // What is done is written down: now the signal ends the program as it always does, and this does not return.
        let _ = emulate_default_handler(i32::try_from(number).expect("signals are small numbers"));
    }
    scrubbed
}

/// The number of the signal that came, or 0. A second one ends the program at once.
fn caught() -> std::io::Result<Arc<AtomicUsize>> {
    let (number, is_stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&is_stopping))?;
        flag::register(signal, Arc::clone(&is_stopping))?;
        let value = usize::try_from(signal).expect("signals are small numbers");
        flag::register_usize(signal, Arc::clone(&number), value)?;
    }
    Ok(number)
}

fn scrub_all(
    store: &Store,
    scrub: &Scrub,
    signal: &AtomicUsize,
    mut report: Report<'_, '_>,
) -> Result<(), Fault> {
    let total = store.usage()?.size;
    let earlier = store.scrub_state().pass.filter(|_| !scrub.restart).unwrap_or_default();
    if earlier.count > 0 {
        let (began, count) = (date(earlier.began), usize::try_from(earlier.count).unwrap_or(usize::MAX));
        report.voice().say(&format!(
            "going on with the scrub of {began}: {}, {} are done",
            counted(count, "blob"),
            size(earlier.size)
        ));
    }
    let throttle = scrub.rate.map(|rate| Throttle::new(rate.0));
    let plan = ScrubPlan { threads: scrub.threads.unwrap_or_else(cores), restart: scrub.restart };
    let voice = report.voice();
    let mut said = Ok(());
    let pass = progress::during(voice, "scrub", total, |meter| {
        meter.add(earlier.size);
        let at_rate = |len| {
            let now = Instant::now();
            wait(now + throttle.as_ref().map_or(Duration::ZERO, |throttle| throttle.take(len, now)));
            match signal.load(Ordering::Relaxed) {
                0 => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let mut tell = |found: &ScrubFound| {
            if said.is_ok() {
                said = report.add(found);
            }
        };
        // Those that a power cut made suspect come first, since whoever opens the store next waits for them. What cannot be
        // read of them the scrub meets again.
        store.check_suspects(&at_rate, &mut |found| {
            if matches!(found, ScrubFound::Checked(_)) {
                tell(found);
            }
        })?;
        let leave = |len| {
            meter.add(len);
            at_rate(len)
        };
        store.scrub(&plan, &leave, &mut tell)
    })?;
    said?;
    report.finish(&earlier, &pass)
}

/// A signal is looked for after each piece, which is never long.
fn wait(until: Instant) {
    pause(until.saturating_duration_since(Instant::now()));
}

/// After everybody else: sched(7).
const NICE_MAX: i32 = 19;
