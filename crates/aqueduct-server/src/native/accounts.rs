//! The accounts of a connection's tasks: each is opened when it is asked, and closed once, with what came of it.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aqueduct_blob::Digest;
use aqueduct_wire::native::{Say, TaskId};

use super::refusal::verdict;
use crate::asked::{Asked, Kind, Verdict, Who};
use crate::close::Close;

/// Those that are open. The lock is the last to be taken: who holds it asks for neither the session nor the outbox.
#[derive(Debug)]
pub(super) struct Accounts(Mutex<Open>);

#[derive(Debug)]
struct Open {
    /// Who asks.
    who: Box<Who>,
    tasks: HashMap<TaskId, Asked>,
}

impl Accounts {
    pub(super) fn new(who: Box<Who>) -> Self {
        Self(Mutex::new(Open { who, tasks: HashMap::new() }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task begins.
    pub(super) fn begun(&self, task: TaskId, kind: Kind, digest: Option<Digest>) {
        let Open { who, tasks } = &mut *self.open();
        tasks.insert(task, Asked::new(who, kind, digest));
    }

    /// A task is refused before it could begin, or while it goes on.
    pub(super) fn refused(&self, task: TaskId, say: &Say) {
        let Open { who, tasks } = &mut *self.open();
        let mut refused = tasks.remove(&task).unwrap_or_else(|| Asked::new(who, Kind::NativeOther, None));
        refused.answered(verdict(say), None, 0);
    }

    /// A task came to its end, for which so many bytes of blobs moved.
    pub(super) fn ended(&self, task: TaskId, verdict: Verdict, len: u64) {
        let asked = self.open().tasks.remove(&task);
        if let Some(mut asked) = asked {
            asked.answered(verdict, None, len);
        }
    }

    /// The last answers of these tasks have left.
    pub(super) fn left(&self, ended: &[TaskId]) {
        let mut open = self.open();
        for task in ended {
            // Of those that were answered nothing is left by now: this one was cancelled.
            if let Some(mut asked) = open.tasks.remove(task) {
                asked.answered(Verdict::Gone, None, 0);
            }
        }
    }

    /// The connection ends, and with it all tasks that go on.
    pub(super) fn broke_off(&self, close: &Close) {
        let tasks = mem::take(&mut self.open().tasks);
        for mut asked in tasks.into_values() {
            asked.broke_off(close);
        }
    }
}

#[cfg(test)]
mod tests;
