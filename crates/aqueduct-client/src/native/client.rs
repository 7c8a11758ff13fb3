//! The lines that are kept for the next use, and what is done over one of them.

use std::sync::{Mutex, PoisonError};

use aqueduct_wire::native::{Ask, Code, Say};

use super::line::{Heard, Line};
use crate::error::{Error, ErrorKind};
use crate::site::Site;

/// Speaks the native protocol. Each operation uses lines of its own.
#[derive(Debug)]
pub(crate) struct NativeClient {
    pub(crate) site: Site,
    /// Lines that wait for the next use; at most [`IDLE_COUNT_MAX`].
    idle: Mutex<Vec<Line>>,
}

impl NativeClient {
    pub(crate) fn new(site: Site) -> Self {
        Self { site, idle: Mutex::default() }
    }

    /// Works over a line, and keeps the line if that leaves it settled.
    ///
    /// A kept line that proves to be closed before it says a word is no failure: the work is done again over a new one.
    pub(super) fn over_line<T>(
        &self,
        mut work: impl FnMut(&mut Line) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut kept = self.kept();
        loop {
            let is_kept = kept.is_some();
            let mut line = kept.take().map_or_else(|| self.open(), Ok)?;
            match work(&mut line) {
                Err(error) if is_kept && error.kind() == ErrorKind::Lost && !line.was_heard() => {}
                Err(error) => return Err(error),
                Ok(done) => {
                    self.keep(line);
                    return Ok(done);
                }
            }
        }
    }

    /// Asks questions that have one answer each, many at a time, and gives the answers in the order of the questions.
    pub(super) fn ask_each(&self, asks: &[Ask]) -> Result<Vec<Say>, Error> {
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        self.site.persist(|| self.over_line(|line| self.ask_over(line, asks)))
    }

    /// Asks one question that has one answer.
    pub(super) fn ask(&self, ask: Ask) -> Result<Say, Error> {
        let mut says = self.ask_each(&[ask])?;
        Ok(says.pop().expect("a question has an answer"))
    }

    fn ask_over(&self, line: &mut Line, asks: &[Ask]) -> Result<Vec<Say>, Error> {
        let mut says: Vec<Option<Say>> = asks.iter().map(|_| None).collect();
        let mut asks = asks.iter();
        let mut first = None;
        let (mut waiting, mut answered) = (0, 0);
        while answered < says.len() {
            while waiting < WINDOW_COUNT
                && let Some(ask) = asks.next()
            {
                let task = line.task();
                first.get_or_insert(task);
                line.say(task, ask.clone());
                waiting += 1;
            }
            let Heard { task, say, payload_len } = line.hear(self.site.options.answer_timeout)?;
            if let Say::Refused { code: Code::Busy | Code::Contended | Code::Stopping, .. } = say {
                return Err(self.failure(&say));
            }
            let index = first.and_then(|first| task.0.checked_sub(first.0));
            let index = index.and_then(|index| usize::try_from(index).ok());
            match index.and_then(|index| says.get_mut(index)) {
                Some(answer @ None) if payload_len == 0 => *answer = Some(say),
                _ => return Err(line.nonsense("it answers what was not asked")),
            }
            waiting -= 1;
            answered += 1;
        }
        Ok(says.into_iter().flatten().collect())
    }

    /// A new line.
    pub(super) fn open(&self) -> Result<Line, Error> {
        let line = Line::open(&self.site)?;
        self.site.reached();
        Ok(line)
    }

    /// A line for work that is done again where it breaks.
    pub(super) fn line(&self) -> Result<Line, Error> {
        self.kept().map_or_else(|| self.open(), Ok)
    }

    /// The line that was used last and looks alive: it is the least likely to be closed.
    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut line) = idle.pop() {
            if line.is_quiet() {
                return Some(line);
            }
        }
        None
    }

    /// Keeps a line on which nothing is under way.
    pub(super) fn keep(&self, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if line.is_settled() && idle.len() < IDLE_COUNT_MAX {
            idle.push(line);
        }
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
