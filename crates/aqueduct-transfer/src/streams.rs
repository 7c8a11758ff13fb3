//! Where more connections of an attempt come from: whoever connected first dials them, and whoever listens is joined.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_flow::Carried;
use aqueduct_wire::transfer::limits::STREAM_COUNT_MAX;

use crate::line::{Line, Patience, TICK};
use crate::meet::{self, Purpose};
use crate::{Error, Event, Ticket, Watch};

/// Where more streams come from.
pub(crate) enum More<'a> {
    /// This side connects, to where the first stream goes.
    Dial(Ticket),
    /// The other side does.
    Join(&'a Joining),
}

/// Attempts that may be joined.
#[derive(Debug, Default)]
pub(crate) struct Joining(Mutex<Attempts>);

#[derive(Debug, Default)]
struct Attempts {
    open: HashMap<[u8; 16], Sender<Line>>,
    /// Streams of attempts that this side has not opened yet: the other side knew of them first.
    early: Vec<([u8; 16], Line)>,
}

impl More<'_> {
    /// Adds streams to `lines`, until there are `count` with the first, or the attempt is over. With fewer it goes on all the
    /// same.
    pub(crate) fn gather(
        &self,
        purpose: Purpose,
        count: u32,
        patience: &Patience,
        is_over: &dyn Fn() -> bool,
        lines: &Lines,
        watch: &dyn Watch,
    ) {
        if let Err(error) = self.try_gather(purpose, count, patience, is_over, lines) {
            watch.hear(&Event::Note(&format!("fewer connections than wanted: {error}")));
        }
    }

    fn try_gather(
        &self,
        purpose: Purpose,
        count: u32,
        patience: &Patience,
        is_over: &dyn Fn() -> bool,
        lines: &Lines,
    ) -> Result<(), Error> {
        match self {
            Self::Dial(ticket) => {
                // One after the other: many at once look like an attack to some firewalls.
                for stream in 1..count {
                    if is_over() {
                        break;
                    }
                    lines.add(Arc::new(meet::connect(ticket, &Purpose { stream, ..purpose }, patience)?));
                }
                Ok(())
            }
            Self::Join(joining) => {
                let joined = joining.open(purpose.attempt);
                let mut left = count - 1;
                while left > 0 && !is_over() {
                    match joined.recv_timeout(TICK) {
                        Ok(line) => {
                            lines.add(Arc::new(line.with(patience.clone())));
                            left -= 1;
                        }
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
                joining.close(&purpose.attempt);
                Ok(())
            }
        }
    }
}

impl Joining {
    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets streams join `attempt`.
    fn open(&self, attempt: [u8; 16]) -> Receiver<Line> {
        let (sender, receiver) = mpsc::channel();
        let mut attempts = self.lock();
        for (_, line) in attempts.early.extract_if(.., |(early, _)| *early == attempt) {
            // The receiver is here.
            let _ = sender.send(line);
        }
        attempts.open.insert(attempt, sender);
        receiver
    }

    fn close(&self, attempt: &[u8; 16]) {
        self.lock().open.remove(attempt);
    }

    /// Hands over a stream that wants to join, or keeps it until its attempt is opened.
    pub(crate) fn join(&self, attempt: &[u8; 16], line: Line) {
        let mut attempts = self.lock();
        match attempts.open.get(attempt) {
            // Its attempt may have ended just now.
            Some(sender) => _ = sender.send(line),
            None => {
                // Those of an attempt that has ended are closed by those that come after them.
                if attempts.early.len() >= EARLY_COUNT_MAX {
                    attempts.early.remove(0);
                }
                attempts.early.push((*attempt, line));
            }
        }
    }
}

/// As many as an attempt has: there is one at a time.
const EARLY_COUNT_MAX: usize = STREAM_COUNT_MAX as usize;

/// The streams of an attempt beside the first, handed to whoever works for them as they come.
pub(crate) struct Lines {
    state: Mutex<LinesState>,
    joined: Mutex<Receiver<Arc<Line>>>,
}

struct LinesState {
    /// None once the attempt is over.
    sender: Option<Sender<Arc<Line>>>,
    all: Vec<Arc<Line>>,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let (sender, joined) = mpsc::channel();
        Self {
            state: Mutex::new(LinesState { sender: Some(sender), all: Vec::new() }),
            joined: Mutex::new(joined),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LinesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub(crate) fn add(&self, line: Arc<Line>) {
        let mut state = self.lock();
        let Some(sender) = &state.sender else { return line.close() };
        // The receiver lives as long as this.
        let _ = sender.send(Arc::clone(&line));
        state.all.push(line);
    }

    /// The next one to work for; `None` once the attempt is over.
    pub(crate) fn next(&self) -> Option<Arc<Line>> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.lock().all.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Line>> {
        self.lock().all.clone()
    }

    /// No more are taken.
    pub(crate) fn end(&self) {
        self.lock().sender = None;
    }

    /// Wakes whoever waits at one of them.
    pub(crate) fn close(&self) {
        self.lock().all.iter().for_each(|line| line.close());
    }

    /// What carried the payloads that were sent over them.
    pub(crate) fn carried(&self) -> Carried {
        self.lock().all.iter().fold(Carried::default(), |mut carried, line| {
            carried += line.carried();
            carried
        })
    }
}
