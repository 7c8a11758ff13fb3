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
    is_led: bool,
}

impl<Job, Outcome> Committer<Job, Outcome> {
    pub(crate) fn new() -> Self {
        let queue = Queue { next_ticket: 0, waiting: Vec::new(), done: HashMap::new(), is_led: false };
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
            if queue.is_led {
                queue = self.round_over.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            assert!(
                queue.waiting.iter().any(|(waiting, _)| *waiting == ticket),
                "the round of this job panicked"
            );
            queue.is_led = true;
            let (tickets, jobs): (Vec<_>, Vec<_>) = mem::take(&mut queue.waiting).into_iter().unzip();
            drop(queue);
            let leading = Leading(self);
            let outcomes = round(jobs);
            assert_eq!(outcomes.len(), tickets.len(), "every job of a round has an outcome");
            lock(&self.queue).done.extend(tickets.into_iter().zip(outcomes));
            drop(leading);
            queue = lock(&self.queue);
        }
    }

    #[cfg(test)]
    fn waiting_count(&self) -> usize {
        lock(&self.queue).waiting.len()
    }
}

/// Ends the round when it is dropped, even by a panic: those who wait must not wait for ever.
struct Leading<'a, Job, Outcome>(&'a Committer<Job, Outcome>);

impl<Job, Outcome> Drop for Leading<'_, Job, Outcome> {
    fn drop(&mut self) {
        lock(&self.0.queue).is_led = false;
        self.0.round_over.notify_all();
    }
}

#[cfg(test)]
mod tests;
