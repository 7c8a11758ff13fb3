//! What a peer is still to be told, and who may add to it: workers from their threads, the reactor from its own.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aqueduct_wire::native::{Answer, Code, Say, TaskId, greeting};
use tokio::sync::Notify;

use super::answering::Question;
use super::refusal::refusal;
use super::said::Said;
use super::sending::Sending;

/// Answers on their way out. Those that are short are kept as bytes, and leave together; a blob is a place in a file, and has
/// one frame at a time.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is more to say.
    filled: Notify,
    /// There is less to say.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    said: Said,
    /// Tasks whose last answer is in `said`.
    ended: Vec<TaskId>,
    /// Blobs on their way, in the order of their turns.
    sendings: VecDeque<Sending>,
    /// Tasks that were cancelled while somebody worked on them.
    cancelled: HashSet<TaskId>,
    /// How many bytes were taken to be sent, and are not sent yet.
    leaving_len: usize,
    /// Questions that will be answered once the peer has read other answers.
    postponed: Vec<Question>,
    /// Blobs that will be sent once others were.
    queued: VecDeque<Question>,
    /// The last frame was said.
    is_closed: bool,
    /// A worker panicked: some task will never be answered.
    is_broken: bool,
}

/// What is to leave next.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) said: Said,
    /// Whose last answer that is.
    pub(super) ended: Vec<TaskId>,
    /// Who has its turn after that.
    pub(super) sending: Option<Sending>,
}

impl Outbox {
    /// Greets the peer.
    pub(super) fn greet(&self) {
        self.state().said.end().extend_from_slice(&greeting());
        self.filled.notify_one();
    }

    /// Says something about a task that goes on.
    pub(super) fn say(&self, task: TaskId, say: Say) {
        let mut state = self.state();
        if !state.is_closed {
            Answer { task, say }.write(0, state.said.end());
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Says the last of all: nothing follows it. Returns the blobs that are not sent any more, for a worker to close.
    pub(super) fn close(&self, say: Say) -> VecDeque<Sending> {
        self.say(TaskId::CONNECTION, say);
        let mut state = self.state();
        state.is_closed = true;
        mem::take(&mut state.sendings)
    }

    /// Some task will never be answered.
    pub(super) fn break_off(&self) {
        self.state().is_broken = true;
        self.filled.notify_one();
    }

    /// Says the last about a task.
    pub(super) fn end(&self, task: TaskId, say: Say) {
        self.end_all([(task, say)]);
    }

    /// Says the last about some tasks.
    pub(super) fn end_all(&self, answers: impl IntoIterator<Item = (TaskId, Say)>) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        for (task, say) in answers {
            Answer { task, say }.write(0, state.said.end());
            state.has_ended(task);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Sends small blobs, each of which is the last of its task: the first, and as many more as there is room for.
    pub(super) fn end_with(&self, blobs: &mut impl Iterator<Item = (TaskId, Arc<[u8]>)>) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        for (task, blob) in blobs {
            let say = Say::Data { offset: 0, size: blob.len() as u64, end: true };
            state.said.say(&Answer { task, say }, blob);
            state.has_ended(task);
            if state.len() >= SAID_LEN_MAX {
                break;
            }
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Has a blob sent, or the next piece of it, when its turn comes.
    pub(super) fn send(&self, sending: Sending) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        if state.cancelled.contains(&sending.task) {
            drop(state);
            return self.end(sending.task, refusal(Code::Cancelled, "cancelled, as asked"));
        }
        state.sendings.push_back(sending);
        drop(state);
        self.filled.notify_one();
    }

    /// Ends a task as soon as that can be done. Returns the blob that is not sent any more, to be closed.
    pub(super) fn cancel(&self, task: TaskId) -> Option<Sending> {
        let mut state = self.state();
        let waiting = state.sendings.iter().position(|sending| sending.task == task);
        let sending = waiting.and_then(|place| state.sendings.remove(place));
        if sending.is_some() {
            drop(state);
            self.end(task, refusal(Code::Cancelled, "cancelled, as asked"));
        } else if !state.ended.contains(&task) {
            // Whoever works on it will see.
            state.cancelled.insert(task);
        }
        sending
    }

    /// Whether the peer has to read before it is told more.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= SAID_LEN_MAX
    }

    /// Waits until a peer that does not read may be answered again.
    pub(super) async fn has_room(&self) {
        while self.is_full() {
            self.emptied.notified().await;
        }
    }

    /// Keeps a question for later: what is held for a peer that does not read is bounded, whatever it asked before.
    pub(super) fn postpone(&self, question: Question) {
        self.state().postponed.push(question);
        self.emptied.notify_one();
    }

    /// Keeps a question whose answer is a blob until others were sent.
    pub(super) fn queue(&self, question: Question) {
        self.state().queued.push_back(question);
        self.emptied.notify_one();
    }

    /// Questions that were put off, once they may be answered; of those whose answer is a blob at most `count`.
    pub(super) fn take_postponed(&self, count: usize) -> Vec<Question> {
        if self.is_full() {
            return Vec::new();
        }
        let State { postponed, queued, .. } = &mut *self.state();
        let count = count.min(queued.len());
        postponed.drain(..).chain(queued.drain(..count)).collect()
    }

    /// Waits until everything that is in memory was said.
    pub(super) async fn is_said(&self) {
        while self.len() > 0 {
            self.emptied.notified().await;
        }
    }

    /// Waits until something more was said, or postponed. Only one may wait for that.
    pub(super) async fn moves(&self) {
        self.emptied.notified().await;
    }

    /// Waits for something to say; `None` if some task will never be answered.
    pub(super) async fn next(&self) -> Option<Batch> {
        loop {
            if self.state().is_broken {
                return None;
            }
            if let Some(batch) = self.take() {
                return Some(batch);
            }
            self.filled.notified().await;
        }
    }

    /// What was taken last has left, and with it the last answers of these tasks.
    pub(super) fn left(&self, ended: &[TaskId]) {
        let mut state = self.state();
        state.leaving_len = 0;
        for task in ended {
            state.cancelled.remove(task);
        }
        drop(state);
        self.emptied.notify_one();
    }

    fn take(&self) -> Option<Batch> {
        let mut state = self.state();
        if state.said.is_empty() && state.sendings.is_empty() {
            return None;
        }
        let batch = Batch {
            said: mem::take(&mut state.said),
            ended: mem::take(&mut state.ended),
            sending: state.sendings.pop_front(),
        };
        state.leaving_len = batch.said.len();
        Some(batch)
    }

    fn len(&self) -> usize {
        self.state().len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        self.said.len() + self.leaving_len
    }

    fn has_ended(&mut self, task: TaskId) {
        self.cancelled.remove(&task);
        self.ended.push(task);
    }
}

/// Beyond this nothing more is heard from a peer until it reads what it was told: enough to keep a fast line busy while the
/// next batch is made.
const SAID_LEN_MAX: usize = 512 << 10;

#[cfg(test)]
mod tests;
