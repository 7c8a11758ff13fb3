//! Group commit: blobs that are ready at the same time become visible and durable together.
//!
//! Whoever comes first leads: it publishes all that wait, those who came meanwhile wait for the next round, and one of
//! them leads that. Under load one directory sync serves many publishes; alone, a publish waits for nobody.

use std::collections::HashMap;
use std::mem;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::publish::{PublishError, Published};
use crate::staging::Verified;
use crate::store::lock;

type Outcome = Result<Published, PublishError>;

#[derive(Debug, Default)]
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    round_over: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    waiting: Vec<(u64, Verified)>,
    done: HashMap<u64, Outcome>,
    led: bool,
}

impl Committer {
    /// Puts `verified` into the next round and returns what became of it. `publish` answers in the order it is given.
    pub(crate) fn commit(
        &self,
        verified: Verified,
        publish: impl Fn(Vec<Verified>) -> Vec<Outcome>,
    ) -> Outcome {
        let mut queue = lock(&self.queue);
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push((ticket, verified));
        loop {
            if let Some(outcome) = queue.done.remove(&ticket) {
                return outcome;
            }
            if queue.led {
                queue = self.round_over.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.led = true;
            let (tickets, round): (Vec<_>, Vec<_>) = mem::take(&mut queue.waiting).into_iter().unzip();
            drop(queue);
            let outcomes = publish(round);
            assert_eq!(outcomes.len(), tickets.len(), "every publish of a round has an outcome");
            queue = lock(&self.queue);
            queue.done.extend(tickets.into_iter().zip(outcomes));
            queue.led = false;
            self.round_over.notify_all();
        }
    }
}
