//! Group commit: what is ready at the same time is done together.
//!
//! Whoever comes first leads: it does all that wait, those who came meanwhile wait for the next round, and one of
//! them leads that. So under load one directory sync serves many publishes, and a publish that is alone waits for nobody.

use std::collections::HashMap;
use std::mem;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::poison::lock;

/// Gathers jobs into rounds.
#[derive(Debug)]
pub(crate) struct Committer<Job, Outcome> {
    queue: Mutex<Queue<Job, Outcome>>,
    round_over: Condvar,
}

#[derive(Debug)]
struct Queue<Job, Outcome> {
    next_ticket: u64,
    waiting: Vec<(u64, Job)>,
    done: HashMap<u64, Outcome>,
    led: bool,
}

impl<Job, Outcome> Committer<Job, Outcome> {
    pub(crate) fn new() -> Self {
        let queue = Queue { next_ticket: 0, waiting: Vec::new(), done: HashMap::new(), led: false };
        Self { queue: Mutex::new(queue), round_over: Condvar::new() }
    }

    /// Puts `job` into the next round and returns what became of it. `round` answers in the order it is given.
    pub(crate) fn commit(&self, job: Job, round: impl Fn(Vec<Job>) -> Vec<Outcome>) -> Outcome {
        let mut queue = lock(&self.queue);
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push((ticket, job));
        loop {
            if let Some(outcome) = queue.done.remove(&ticket) {
                return outcome;
            }
            if queue.led {
                queue = self.round_over.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.led = true;
            let (tickets, jobs): (Vec<_>, Vec<_>) = mem::take(&mut queue.waiting).into_iter().unzip();
            drop(queue);
            let outcomes = round(jobs);
            assert_eq!(outcomes.len(), tickets.len(), "every job of a round has an outcome");
            queue = lock(&self.queue);
            queue.done.extend(tickets.into_iter().zip(outcomes));
            queue.led = false;
            self.round_over.notify_all();
        }
    }

    #[cfg(test)]
    fn waiting_count(&self) -> usize {
        lock(&self.queue).waiting.len()
    }
}

#[cfg(test)]
mod tests;
