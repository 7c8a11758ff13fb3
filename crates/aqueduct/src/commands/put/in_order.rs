//! Work on many sources, done in any order and told in theirs.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::Outcome;
use super::report::Report;
use crate::fault::Fault;
use crate::sources::Source;

/// What those who work on the sources share.
pub(super) struct Teller<'a> {
    /// `None` is what could not be listed; its outcome is known.
    sources: &'a [Option<Source>],
    told: Sender<Vec<(usize, Outcome)>>,
    /// Nobody listens any more.
    stop: &'a AtomicBool,
}

/// Runs `work`, which tells the outcome of each source, and reports them in the order of the sources. Ends early where
/// an outcome stands for all that follow.
pub(super) fn in_order(
    list: Vec<Result<Source, Fault>>,
    report: &mut Report<'_, '_>,
    work: impl FnOnce(&Teller<'_>) + Send,
) -> Result<(), Fault> {
    let mut outcomes = BTreeMap::new();
    let sources: Vec<_> = (list.into_iter().enumerate())
        .map(|(index, source)| source.map_err(|fault| outcomes.insert(index, Err(fault))).ok())
        .collect();
    let stop = AtomicBool::new(false);
    let (told, heard) = mpsc::channel();
    thread::scope(|scope| {
        let teller = Teller { sources: &sources, told, stop: &stop };
        scope.spawn(move || work(&teller));
        let reported = report_all(&sources, &heard, outcomes, report);
        stop.store(true, Ordering::Relaxed);
        drop(heard);
        reported
    })
}

fn report_all(
    sources: &[Option<Source>],
    heard: &Receiver<Vec<(usize, Outcome)>>,
    mut outcomes: BTreeMap<usize, Outcome>,
    report: &mut Report<'_, '_>,
) -> Result<(), Fault> {
    for (index, source) in sources.iter().enumerate() {
        let outcome = loop {
            if let Some(outcome) = outcomes.remove(&index) {
                break outcome;
            }
            // Whoever waits for lines gets those there are before the next takes its time.
            report.flush()?;
            outcomes.extend(heard.recv().expect("every source has an outcome"));
        };
        match outcome {
            Err(fault) if fault.is_final() => {
                report.note(source.as_ref(), &fault);
                return Err(fault);
            }
            outcome => report.add(source.as_ref(), outcome)?,
        }
    }
    Ok(())
}

impl<'a> Teller<'a> {
    /// The sources, each with the number to tell its outcome by.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &'a Source)> {
        self.sources.iter().enumerate().filter_map(|(index, source)| Some((index, source.as_ref()?)))
    }

    pub(super) fn tell(&self, index: usize, outcome: Outcome) {
        self.tell_all(vec![(index, outcome)]);
    }

    /// Tells of several at once, which wakes whoever listens once.
    pub(super) fn tell_all(&self, outcomes: Vec<(usize, Outcome)>) {
        if !outcomes.is_empty() {
            // Where nobody listens, there is nothing to tell.
            let _ = self.told.send(outcomes);
        }
    }

    /// Whether the rest need not be done.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Lets `threads` take items in turn until there are no more, or nobody listens.
    pub(super) fn in_turns<T: Sync>(&self, threads: NonZeroUsize, items: &[T], work: impl Fn(&T) + Sync) {
        let next = AtomicUsize::new(0);
        let take_turns = || {
            while !self.is_stopped()
                && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
            {
                work(item);
            }
        };
        thread::scope(|scope| {
            for _ in 0..threads.get().min(items.len()) {
                scope.spawn(take_turns);
            }
        });
    }
}
