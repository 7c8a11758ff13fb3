//! What a peer says: frames, and the bytes behind them.

mod payload;

use std::io;
use std::mem;
use std::sync::Arc;

use aqueduct_wire::http1::Credentials;
use aqueduct_wire::native::{
    Closing, Code, Frame, GREETING_LEN, Hello, Request, Say, TaskId, Turn, Welcome, limits, missing_len,
    parse_greeting, parse_request,
};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use super::answering::{self, Question};
use super::putting::Puts;
use super::refusal::{refusal, refused};
use super::small::Small;
use super::{Ended, Job, Talk};
use crate::close::Close;
use crate::connection::let_go;
use crate::deadline::Pace;
use crate::inbox::Inbox;
use crate::server::{Shared, until_stop};
use crate::tokens::Right;
use crate::workers::Workers;
use payload::{read, too_slow};

/// One peer, as far as it is heard.
pub(super) struct Hearing {
    stream: Arc<TcpStream>,
    inbox: Inbox,
    shared: Arc<Shared>,
    talk: Arc<Talk>,
    stop: watch::Receiver<bool>,
    /// What it brought to be let in.
    credentials: Option<Credentials>,
    /// Blobs that come in more than one frame.
    puts: Puts,
    /// Blobs that came in one, until there are enough of them for a worker.
    small: Small,
    /// What is to be looked up, until there is enough of it for a worker.
    questions: Vec<Question>,
    /// The last payload was long, so that the next is likely to be: what is read ahead of it would have to be copied.
    is_bulky: bool,
    /// How long it may take for what it has announced.
    pace: Pace,
    /// When the frame that has begun to arrive must be here.
    deadline: Option<Instant>,
    is_stopping: bool,
    is_greeted: bool,
}

impl Hearing {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        inbox: Inbox,
        shared: Arc<Shared>,
        talk: Arc<Talk>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            inbox,
            talk,
            stop,
            credentials: None,
            puts: Puts::new(shared.writers.clone()),
            small: Small::default(),
            questions: Vec::new(),
            is_bulky: false,
            pace: Pace::new(shared.options.deadlines.body),
            deadline: None,
            is_stopping: false,
            is_greeted: false,
            shared,
        }
    }

    /// Hears the peer until one side has enough. One that says no more is still answered.
    pub(super) async fn hear(mut self) -> Ended {
        match self.follow().await {
            Err(ended) => ended,
            Ok(()) => {
                self.wind_up().await;
                Ended::Finished
            }
        }
    }

    /// Waits until everything was answered that can be.
    async fn wind_up(&mut self) {
        // What has not come to its end by now never will.
        for task in self.puts.waiting() {
            self.talk.session().end(task);
        }
        while !self.is_idle() {
            self.take_up().await;
            self.talk.outbox.moves().await;
        }
    }

    fn is_idle(&self) -> bool {
        self.talk.session().task_count() == 0
    }

    /// Goes on with what was postponed, and lets go of what is done.
    async fn take_up(&mut self) {
        self.puts.sweep();
        let count = self.talk.sendings.available_permits();
        for question in self.talk.outbox.take_postponed(count) {
            self.ask(question).await;
        }
        self.look_up().await;
    }

    async fn follow(&mut self) -> Result<(), Ended> {
        if !self.greet().await? {
            return Ok(());
        }
        loop {
            match parse_request(self.inbox.bytes()) {
                Err(error) => return Err(closing(error.code(), error.to_string())),
                Ok(Some(Frame { message, payload_len, head_len })) => {
                    self.deadline = None;
                    self.inbox.take(head_len);
                    self.talk.outbox.has_room().await;
                    self.act(message, payload_len).await?;
                }
                Ok(None) => {
                    self.flush().await;
                    if !self.listen().await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Greets as one is greeted; false if the peer went before it had.
    async fn greet(&mut self) -> Result<bool, Ended> {
        loop {
            match parse_greeting(self.inbox.bytes()) {
                Ok(Some(_)) => break,
                Ok(None) => {
                    if !self.listen().await? {
                        return Ok(false);
                    }
                }
                Err(error) => {
                    self.talk.outbox.greet();
                    return Err(closing(error.code(), error.to_string()));
                }
            }
        }
        // Whatever newer version the peer speaks, it goes on in this one.
        self.deadline = None;
        self.is_greeted = true;
        self.inbox.take(GREETING_LEN);
        self.talk.outbox.greet();
        Ok(true)
    }

    async fn act(&mut self, request: Request, payload_len: u64) -> Result<(), Ended> {
        let turn = self.talk.session().take(request, payload_len).map_err(Ended::Closing)?;
        match turn {
            Turn::Hello(hello) => self.hello(hello),
            Turn::Begin { task, ask } => {
                self.is_bulky = false;
                self.begin(Question { task, ask }).await;
            }
            Turn::BeginPut { task, put, len, is_whole } => {
                // Of an upload all is still to come.
                self.is_bulky = put.upload.is_some() || len > Small::LEN_MAX;
                self.begin_put(task, put, len, is_whole).await?;
            }
            Turn::Data { task, offset, len, is_last } => {
                self.is_bulky = len > Small::LEN_MAX;
                self.pour(task, offset, len).await?;
                if is_last {
                    self.finish(task, None).await;
                }
            }
            Turn::Checkpoints { task, first, entries } => {
                // Who only hashes for a while, because the bytes are here already, is at work.
                self.pace = Pace::new(self.shared.options.deadlines.body);
                self.claim(task, first, entries).await?;
            }
            Turn::End { task, digest } => self.finish(task, digest).await,
            Turn::Leave { task } => {
                self.puts.drop(task);
                self.talk.end(task, Say::Done);
            }
            Turn::Cancel { task } => {
                if self.puts.drop(task) {
                    self.talk.end(task, refusal(Code::Cancelled, "cancelled, as asked"));
                } else if let Some(sending) = self.talk.outbox.cancel(task) {
                    let_go(&self.shared, Some(sending.into_found()));
                }
            }
            Turn::Refuse { task, code, message, skip } => {
                self.puts.drop(task);
                // The session has forgotten it already.
                self.talk.outbox.end(task, Say::Refused { code, message, actual: None });
                self.skip(skip).await?;
            }
            Turn::Skip { len } => self.skip(len).await?,
        }
        Ok(())
    }

    fn hello(&mut self, hello: Hello) {
        self.credentials = hello.token.map(Credentials::Bearer);
        let welcome = Welcome {
            agent: AGENT.to_owned(),
            capabilities: Vec::new(),
            task_count_max: u32::try_from(limits::TASK_COUNT_MAX).unwrap_or(u32::MAX),
            blob_size_max: self.shared.options.blob_size_max,
        };
        self.talk.outbox.say(TaskId::CONNECTION, Say::Welcome(welcome));
    }

    /// Whether the peer may do what needs `right`, and may still begin anything.
    fn admit(&self, right: Right) -> Result<(), Say> {
        if self.is_stopping {
            return Err(refusal(Code::Stopping, "this server is about to stop; ask again when it is back"));
        }
        self.shared.admission.admit_with(self.credentials.as_ref(), right).map_err(|error| refused(&error))
    }

    /// Begins what needs no bytes of the peer's.
    async fn begin(&mut self, question: Question) {
        if let Err(refused) = self.admit(question.right()) {
            self.talk.end(question.task, refused);
        } else if let Some(bytes) = question.cached(&self.shared) {
            answering::send_whole(&self.talk, question.task, &bytes);
        } else {
            self.ask(question).await;
        }
    }

    /// Gathers a question with others of its kind, and hands them out when they are enough.
    async fn ask(&mut self, question: Question) {
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
    async fn flush(&mut self) {
        self.store_small().await;
        self.look_up().await;
    }

    async fn store_small(&mut self) {
        if self.small.is_empty() {
            return;
        }
        let small = mem::take(&mut self.small);
        let permit = self.gathered().await;
        let store = move |shared: &Arc<Shared>, talk: &Arc<Talk>| {
            small.store(&shared.store, talk);
            drop(permit);
        };
        self.employ(&self.shared.writers, store).await;
    }

    async fn look_up(&mut self) {
        let Some(first) = self.questions.first() else { return };
        let workers = answering::workers(&self.shared, first.kind());
        let questions = mem::take(&mut self.questions);
        let permit = self.gathered().await;
        let look_up = move |shared: &Arc<Shared>, talk: &Arc<Talk>| {
            answering::answer(shared, talk, questions);
            drop(permit);
        };
        self.employ(workers, look_up).await;
    }

    /// A place among all that is held in memory for workers.
    async fn gathered(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.shared.gathered).acquire_owned().await.expect("nobody closes it")
    }

    /// Gives a worker something to do, as soon as this peer may have one more. Nobody waits for it.
    async fn employ(&self, workers: &Workers, work: impl FnOnce(&Arc<Shared>, &Arc<Talk>) + Send + 'static) {
        let permit = Arc::clone(&self.talk.jobs).acquire_owned().await.expect("nobody closes it");
        let (shared, job) = (Arc::clone(&self.shared), Job(Arc::clone(&self.talk)));
        workers.leave(move || {
            work(&shared, &job.0);
            drop(permit);
        });
    }

    /// Waits for more of what the peer says; false if it says no more.
    async fn listen(&mut self) -> Result<bool, Ended> {
        let deadlines = self.shared.options.deadlines;
        loop {
            // A peer that never stops to speak is to hear of it, too.
            if !self.is_stopping && *self.stop.borrow() {
                self.stop_beginning();
            }
            self.take_up().await;
            let is_idle = self.inbox.is_empty() && self.is_idle();
            if is_idle && self.is_stopping {
                return Err(closing(Code::Stopped, "this server stops; come back when it is up again"));
            }
            let now = Instant::now();
            let is_awaited = self.puts.waiting().next().is_some();
            let deadline = if !self.inbox.is_empty() || !self.is_greeted {
                *self.deadline.get_or_insert(now + deadlines.head)
            } else {
                self.inbox.release();
                now + if is_awaited { self.pace.left() } else { deadlines.idle }
            };
            let len = if self.is_bulky { missing_len(self.inbox.bytes()) } else { READ_LEN };
            let heard = tokio::select! {
                biased;
                () = until_stop(&mut self.stop), if !self.is_stopping => continue,
                heard = timeout_at(deadline, read(&self.stream, &mut self.inbox, len)) => heard,
                () = self.talk.outbox.moves() => continue,
            };
            if is_awaited {
                self.pace.spend(now.elapsed());
            }
            match heard {
                Ok(Ok(0)) if self.inbox.is_empty() => return Ok(false),
                Ok(Ok(0)) => return Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into()))),
                Ok(Ok(_)) => {
                    // However much one peer says, others get their turn.
                    tokio::task::yield_now().await;
                    return Ok(true);
                }
                Ok(Err(error)) => return Err(Ended::Gone(Close::PeerGone(error))),
                Err(_) if is_idle && self.is_greeted => return Ok(false),
                // It was told to wait, and does.
                Err(_) if self.inbox.is_empty() && self.is_greeted && !is_awaited => {}
                Err(_) => return Err(too_slow()),
            }
        }
    }

    /// The server is about to stop: what can be gone on with another time is let go of, and the rest may come to its end.
    fn stop_beginning(&mut self) {
        self.is_stopping = true;
        for task in self.puts.resumable() {
            self.puts.drop(task);
            let say = refusal(Code::Stopping, "this server is about to stop; go on when it is back");
            self.talk.end(task, say);
        }
    }
}

fn closing(code: Code, message: impl Into<String>) -> Ended {
    Ended::Closing(Closing { code, message: message.into() })
}

const AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));

/// What is read at once of small frames: some dozens of small blobs.
const READ_LEN: usize = 128 << 10;
