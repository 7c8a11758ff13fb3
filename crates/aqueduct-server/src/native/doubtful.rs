//! Questions for which something has to be hashed first. They wait in a line of their own, which ends with their connection.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::answering::{QUESTION_WEIGHT, Question};
use crate::server::CHECKER_COUNT_MAX;

/// Where questions are put into the line.
#[derive(Debug)]
pub(super) struct Doubtful {
    line: UnboundedSender<Waiting>,
    /// For how much more there is room, in what questions weigh.
    room: Arc<Semaphore>,
}

/// The line. To drop it is to forget whoever waits in it, and to wait no longer for what is being hashed.
#[derive(Debug)]
pub(super) struct Line(UnboundedReceiver<Waiting>);

#[derive(Debug)]
struct Waiting {
    question: Question,
    room: OwnedSemaphorePermit,
}

/// A line in which nobody waits.
pub(super) fn line() -> (Doubtful, Line) {
    let (line, waiting) = unbounded_channel();
    (Doubtful { line, room: Arc::new(Semaphore::new(WEIGHT_MAX)) }, Line(waiting))
}

impl Doubtful {
    /// Has a question wait for its turn; gives it back where too many do.
    pub(super) fn push(&self, question: Question) -> Result<(), Question> {
        let room = u32::try_from(question.weight())
            .ok()
            .and_then(|weight| Arc::clone(&self.room).try_acquire_many_owned(weight).ok());
        let Some(room) = room else { return Err(question) };
        // Where nobody works it off any more, the connection has ended, and nobody waits for an answer.
        drop(self.line.send(Waiting { question, room }));
        Ok(())
    }
}

impl Line {
    /// Has those who wait answered in their turn, a few at once, for as long as this is waited for.
    pub(super) async fn work_off<F>(mut self, answer: impl Fn(Question) -> F) -> Infallible
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut answering = JoinSet::new();
        while let Some(Waiting { question, room }) = self.0.recv().await {
            let answered = answer(question);
            answering.spawn(async move {
                answered.await;
                drop(room);
            });
            while answering.len() >= ANSWERING_COUNT_MAX {
                answering.join_next().await;
            }
        }
        future::pending().await
    }
}

/// As many as are hashed at once: more of one peer would only keep those of others waiting.
const ANSWERING_COUNT_MAX: usize = CHECKER_COUNT_MAX;

/// What is held in memory of them: 4 MiB of digests. A client that has 64 of the largest questions unanswered is in a hurry
/// already.
const WEIGHT_MAX: usize = 64 * QUESTION_WEIGHT;

#[cfg(test)]
mod tests;
