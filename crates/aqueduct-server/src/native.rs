//! The native protocol: frames in, frames out, many tasks at once.
//!
//! One connection is heard and answered at the same time. What is heard becomes turns of a [`Session`], which knows the rules
//! and no store; workers do what is asked, and put their answers into the [`Outbox`]; what is in there leaves as the peer reads.
//! `docs/protocol.md` says what is said.

mod accounts;
mod answering;
mod doubtful;
mod hearing;
mod outbox;
mod putting;
mod refusal;
mod said;
mod segmented;
mod sending;
mod small;
mod speaking;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aqueduct_wire::native::{Closing, Code, Say, Session, TaskId};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use crate::asked::{Door, Verdict};
use crate::close::Close;
use crate::connection::Connection;
use crate::discard;
use crate::inbox::Inbox;
use crate::metrics::METRICS;
use crate::server::Shared;
use accounts::Accounts;
use doubtful::Doubtful;
use hearing::Hearing;
use outbox::Outbox;
use refusal::{received_len, verdict};
pub(crate) use small::{COUNT as SMALL_COUNT, GATHERED_COUNT_MAX};

/// What those who hear a peer, work for it and answer it have in common.
#[derive(Debug)]
struct Talk {
    session: Mutex<Session>,
    outbox: Outbox,
    /// Who may work for this peer at once: others get their share of the workers.
    jobs: Arc<Semaphore>,
    /// Who may have a blob open for it.
    sendings: Arc<Semaphore>,
    /// What is answered once something was hashed.
    doubtful: Doubtful,
    accounts: Accounts,
}

impl Talk {
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something about a task that goes on; nothing if it has ended meanwhile.
    fn say(&self, task: TaskId, say: Say) {
        // Held until it is said, so that nobody says the last in between.
        let session = self.session();
        if session.awaits(task) {
            self.outbox.say(task, say);
        }
    }

    /// Says the last about a task, unless that was said before.
    fn end(&self, task: TaskId, say: Say) {
        self.end_all([(task, say)]);
    }

    /// Says the last about some tasks, at once, unless that was said before.
    fn end_all(&self, answers: impl IntoIterator<Item = (TaskId, Say)>) {
        let mut session = self.session();
        self.outbox.end_all(answers.into_iter().filter(|(task, say)| {
            let is_last = session.answered(*task);
            if is_last {
                self.accounts.ended(*task, verdict(say), received_len(say));
            }
            is_last
        }));
    }

    /// Sends small blobs, each of which is the last of its task, unless that was said before: the first, and as many more as
    /// the peer may be sent now.
    fn end_with(&self, blobs: &mut impl Iterator<Item = (TaskId, Arc<[u8]>)>) {
        let mut session = self.session();
        self.outbox.end_with(&mut blobs.filter(|(task, bytes)| {
            let is_last = session.answered(*task);
            if is_last {
                METRICS.sent_from_memory(Door::Native, bytes.len() as u64);
                self.accounts.ended(*task, Verdict::Ok, bytes.len() as u64);
            }
            is_last
        }));
    }

    /// What was in the outbox has left, and with it the last answers of these tasks.
    fn left(&self, ended: &[TaskId]) {
        let mut session = self.session();
        for task in ended {
            session.end(*task);
        }
        drop(session);
        self.accounts.left(ended);
        self.outbox.left(ended);
    }
}

/// Goes with what a worker does for a peer: should it panic, the peer is not left waiting.
#[derive(Debug)]
struct Job(Arc<Talk>);

impl Drop for Job {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.outbox.break_off();
        }
    }
}

/// How hearing a peer ends.
#[derive(Debug)]
enum Ended {
    /// It says no more, and everything was answered.
    Finished,
    /// It is told why, and no more.
    Closing(Closing),
    Gone(Close),
}

/// Serves a peer whose first byte was that of this protocol.
pub(crate) async fn serve(connection: Connection, shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Close {
    let Connection { stream, inbox, who } = connection;
    let stream = Arc::new(stream);
    let (doubtful, line) = doubtful::line();
    let talk = Arc::new(Talk {
        session: Mutex::new(Session::new()),
        outbox: Outbox::default(),
        jobs: Arc::new(Semaphore::new(JOB_COUNT_MAX)),
        sendings: Arc::new(Semaphore::new(SENDING_COUNT_MAX.min(shared.descriptor_share))),
        doubtful,
        accounts: Accounts::new(who.clone()),
    });
    let ended = converse(&stream, inbox, &shared, &talk, line, stop).await;
    talk.accounts.broke_off(ended.as_ref().unwrap_or_else(|gone| gone));
    let close = match ended {
        Ok(close) => close,
        Err(gone) => return gone,
    };
    // A worker that has not let go of the socket yet means that the peer is not waited for.
    if let Some(stream) = Arc::into_inner(stream) {
        let mut connection = Connection { stream, inbox: Inbox::default(), who };
        discard::linger(&mut connection, shared.options.deadlines.linger).await;
    }
    close
}

/// Hears and answers until one side has enough; the error is a peer that cannot be told anything any more.
async fn converse(
    stream: &Arc<TcpStream>,
    inbox: Inbox,
    shared: &Arc<Shared>,
    talk: &Arc<Talk>,
    line: doubtful::Line,
    stop: watch::Receiver<bool>,
) -> Result<Close, Close> {
    let mut speaking = pin!(speaking::speak(stream, shared, talk));
    let hearing = Hearing::new(Arc::clone(stream), inbox, Arc::clone(shared), Arc::clone(talk), stop);
    let check = |question| answering::check_and_answer(Arc::clone(shared), Arc::clone(talk), question);
    let ended = tokio::select! {
        ended = hearing.hear() => ended,
        close = &mut speaking => Ended::Gone(close),
        never = line.work_off(check) => match never {},
    };
    let close = match ended {
        Ended::Gone(close) => return Err(close),
        Ended::Finished => Close::Clean,
        Ended::Closing(Closing { code, message }) => {
            let sendings = talk.outbox.close(Say::Closing { code, message });
            shared.writers.leave(move || drop(sendings));
            blame(code)
        }
    };
    // The last of it, for as long as it is taken.
    tokio::select! {
        () = talk.outbox.is_said() => Ok(close),
        gone = speaking => Err(gone),
    }
}

/// Whose fault it is that a connection was closed.
fn blame(code: Code) -> Close {
    match code {
        Code::Stopped => Close::Clean,
        Code::TooSlow => Close::Deadline("a frame"),
        _ => Close::Protocol("a frame that cannot be followed"),
    }
}

/// As many as keep the workers busy while others are on their way here.
const JOB_COUNT_MAX: usize = 8;

/// Each has a descriptor, and a frame at a time: more would make none faster.
const SENDING_COUNT_MAX: usize = 32;
