//! The lines that are kept for the next use, and what is done over one of them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aqueduct_wire::native::{Ask, Code, Say, TaskId};

use super::line::{Heard, Line};
use super::slots::Slots;
use super::turns::Turns;
use crate::error::{Error, Mend};
use crate::patience::Patience;
use crate::site::Site;

/// Speaks the native protocol. Each operation uses lines of its own.
#[derive(Debug)]
pub(crate) struct NativeClient {
    pub(crate) site: Site,
    /// Lines that wait for the next use; at most [`IDLE_COUNT_MAX`].
    idle: Mutex<Vec<Line>>,
    /// The lines of large blobs.
    pub(super) slots: Slots,
    /// Who sends which upload.
    pub(super) turns: Turns,
}

impl NativeClient {
    pub(crate) fn new(site: Site) -> Self {
        let slots = Slots::new(site.options.stream_count);
        Self { site, idle: Mutex::default(), slots, turns: Turns::default() }
    }

    /// Works over a line, over another one where that breaks, and keeps the line if that leaves it settled.
    pub(super) fn persist<T>(
        &self,
        mut work: impl FnMut(&mut Line, &mut Patience) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.site.persist(|patience| {
            let mut line = self.line()?;
            let done = work(&mut line, patience).inspect_err(|error| self.forget_dead(error))?;
            self.keep(line);
            Ok(done)
        })
    }

    /// Waits before the next attempt, or fails with what the last one failed with.
    pub(super) fn wait_after(&self, error: Error, patience: &mut Patience) -> Result<(), Error> {
        self.forget_dead(&error);
        self.site.wait_after(error, patience)
    }

    /// Keeps no line for longer where one was dead: to find each of them so may cost a timeout each.
    fn forget_dead(&self, error: &Error) {
        if error.mend() == Mend::OtherLine {
            self.idle().clear();
        }
    }

    /// How long to wait for the next frame of a blob. A server may have to hash the blob before it vouches for it; once
    /// something `has_come`, it has no excuse.
    pub(super) fn frame_wait(&self, has_come: bool) -> Duration {
        let options = &self.site.options;
        if has_come { options.timeout } else { options.answer_timeout }
    }

    /// Asks questions that have one answer each, many at a time, and gives the answers in the order of the questions.
    pub(super) fn ask_each(&self, asks: &[Ask]) -> Result<Vec<Say>, Error> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let mut says = vec![None; asks.len()];
        let wait = self.site.options.answer_timeout;
        self.persist(|line, patience| {
            self.ask_over(line, asks, wait, &mut says, &mut || patience.refresh())
        })?;
        Ok(says.into_iter().flatten().collect())
    }

    /// Asks, once and over a new line, what must not be asked again where the answer is lost. There is an answer to each,
    /// for which it waits at most for `wait` at a time, or else what became of the line.
    pub(super) fn ask_once(&self, asks: &[Ask], wait: Duration) -> Vec<Result<Say, Error>> {
        let mut says = vec![None; asks.len()];
        let asked =
            self.open().and_then(|mut line| self.ask_over(&mut line, asks, wait, &mut says, &mut || {}));
        let unanswered = || asked.as_ref().map_or_else(Error::shared, |()| unreachable!("all are answered"));
        says.into_iter().map(|say| say.ok_or_else(unanswered)).collect()
    }

    /// Asks one question that has one answer.
    pub(super) fn ask(&self, ask: Ask) -> Result<Say, Error> {
        let mut says = self.ask_each(&[ask])?;
        Ok(says.pop().expect("a question has an answer"))
    }

    /// Asks what has no answer yet.
    fn ask_over(
        &self,
        line: &mut Line,
        asks: &[Ask],
        wait: Duration,
        says: &mut [Option<Say>],
        answered: &mut dyn FnMut(),
    ) -> Result<(), Error> {
        let todo: Vec<usize> = (0..asks.len()).filter(|index| says[*index].is_none()).collect();
        let mut todo = todo.into_iter();
        let mut flying: VecDeque<(TaskId, usize)> = VecDeque::new();
        let mut refused = None;
        loop {
            while flying.len() < WINDOW_COUNT
                && let Some(index) = todo.next()
            {
                let task = line.task();
                line.say(task, asks[index].clone());
                flying.push_back((task, index));
            }
            if flying.is_empty() {
                return refused.map_or(Ok(()), Err);
            }
            let Heard { task, say, payload_len } = line.hear(wait)?;
            let place = flying.iter().position(|(flying, _)| *flying == task);
            let Some((_, index)) = place.and_then(|place| flying.remove(place)) else {
                return Err(line.nonsense("it answers what was not asked"));
            };
            if payload_len > 0 {
                return Err(line.nonsense("it answers what was not asked"));
            }
            if let Say::Refused { code: Code::Busy | Code::Contended | Code::Stopping, .. } = say {
                refused = Some(self.failure(&say));
                continue;
            }
            says[index] = Some(say);
            answered();
        }
    }

    /// A new line.
    pub(super) fn open(&self) -> Result<Line, Error> {
        let line = Line::open(&self.site)?;
        self.site.reached();
        Ok(line)
    }

    /// A line for work that is done again where it breaks: a kept one may have been closed meanwhile.
    pub(super) fn line(&self) -> Result<Line, Error> {
        self.kept().map_or_else(|| self.open(), Ok)
    }

    /// The line that was used last and looks alive: it is the least likely to be closed.
    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle();
        while let Some(mut line) = idle.pop() {
            if line.is_quiet() {
                return Some(line);
            }
        }
        None
    }

    /// Keeps a line on which nothing is under way.
    pub(super) fn keep(&self, line: Line) {
        let mut idle = self.idle();
        if line.is_settled() && idle.len() < IDLE_COUNT_MAX {
            idle.push(line);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failure that a refusal of a task is, or an answer that does not fit.
    pub(super) fn failure(&self, say: &Say) -> Error {
        match say {
            Say::Refused { code, message, .. } => Error::refused(&self.site.endpoint, *code, message),
            _ => Error::protocol(&self.site.endpoint, "its answer is to another question"),
        }
    }
}

/// As many as threads are likely to ask at once.
const IDLE_COUNT_MAX: usize = 32;

/// Questions in flight: a long line stays busy, and their answers fit into what sockets hold.
const WINDOW_COUNT: usize = 64;
