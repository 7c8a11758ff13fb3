//! What is short: kept until there is enough of it for a worker, and handed out.

use std::mem;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::super::answering::{self, Question};
use super::super::{Job, Talk};
use super::Hearing;
use crate::server::Shared;
use crate::workers::Workers;

impl Hearing {
    /// Goes on with what was postponed, and lets go of what is done.
    pub(super) async fn take_up(&mut self) {
        self.puts.sweep();
        let count = self.talk.sendings.available_permits();
        for question in self.talk.outbox.take_postponed(count) {
            self.ask(question).await;
        }
        self.look_up().await;
    }

    /// Gathers a question with others of its kind, and hands them out when they are enough.
    pub(super) async fn ask(&mut self, question: Question) {
        if self.questions.first().is_some_and(|first| first.kind() != question.kind()) {
            self.look_up().await;
        }
        self.questions.push(question);
        let weight: usize = self.questions.iter().map(Question::weight).sum();
        if self.questions.len() >= answering::QUESTION_COUNT || weight >= answering::QUESTION_WEIGHT {
            self.look_up().await;
        }
    }

    /// Hands out what was gathered.
    pub(super) async fn flush(&mut self) {
        self.store_small().await;
        self.look_up().await;
    }

    pub(super) async fn store_small(&mut self) {
        if self.small.is_empty() {
            return;
        }
        let small = mem::take(&mut self.small);
        let job = self.job().await;
        let permit = self.gathered().await;
        let store = move |shared: &Arc<Shared>, talk: &Arc<Talk>| {
            small.store(&shared.store, &shared.cache, talk);
            drop(permit);
        };
        job.leave_to(&self.shared.writers, store);
    }

    async fn look_up(&mut self) {
        let Some(first) = self.questions.first() else { return };
        let workers = answering::workers(&self.shared, first.kind());
        let questions = mem::take(&mut self.questions);
        let job = self.job().await;
        let permit = self.gathered().await;
        let look_up = move |shared: &Arc<Shared>, talk: &Arc<Talk>| {
            answering::answer(shared, talk, questions);
            drop(permit);
        };
        job.leave_to(workers, look_up);
    }

    /// A place among all that is held in memory for workers. For those that have a job already: other peers wait for these
    /// places, too.
    async fn gathered(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.shared.gathered).acquire_owned().await.expect("nobody closes it")
    }

    /// Gives a worker something to do, as soon as this peer may have one more. Nobody waits for it.
    pub(super) async fn employ(
        &self,
        workers: &Workers,
        work: impl FnOnce(&Arc<Shared>, &Arc<Talk>) + Send + 'static,
    ) {
        self.job().await.leave_to(workers, work);
    }

    /// A place among the jobs of this peer, as soon as it may have one more.
    pub(super) async fn job(&self) -> Employed {
        let permit = Arc::clone(&self.talk.jobs).acquire_owned().await.expect("nobody closes it");
        Employed { shared: Arc::clone(&self.shared), job: Job(Arc::clone(&self.talk)), permit }
    }
}

/// What a peer has a worker do, or will.
pub(super) struct Employed {
    pub(super) shared: Arc<Shared>,
    job: Job,
    permit: OwnedSemaphorePermit,
}

impl Employed {
    /// Gives it to a worker. Nobody waits for it.
    pub(super) fn leave_to(
        self,
        workers: &Workers,
        work: impl FnOnce(&Arc<Shared>, &Arc<Talk>) + Send + 'static,
    ) {
        let Self { shared, job, permit } = self;
        workers.leave(move || {
            work(&shared, &job.0);
            drop(permit);
        });
    }
}
