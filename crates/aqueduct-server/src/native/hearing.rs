//! What a peer says: frames, and the bytes behind them.

use std::io;
use std::mem;
use std::sync::Arc;

use aqueduct_blob::Digest;
use aqueduct_wire::http1::Credentials;
use aqueduct_wire::native::{
    Closing, Code, Frame, GREETING_LEN, Hello, Put, Request, Say, TaskId, Turn, Welcome, limits, missing_len,
    parse_greeting, parse_request,
};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::answering::{self, Question};
use super::putting::{self, After, Halt, Opened, Poured, Puts, Putting};
use super::refusal::{refusal, refused};
use super::small::Small;
use super::{Ended, Talk};
use crate::close::Close;
use crate::deadline::{Expired, Pace};
use crate::discard::discard;
use crate::inbox::Inbox;
use crate::scratch::with_scratch;
use crate::server::{Shared, until_stop};
use crate::tokens::Right;
use crate::workers::Workers;

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
        for task in self.puts.tasks() {
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

    /// Goes on with what was postponed.
    async fn take_up(&mut self) {
        self.questions.extend(self.talk.outbox.take_postponed());
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
            Turn::Checkpoints { task, first, entries } => self.claim(task, first, entries).await?,
            Turn::End { task, digest } => self.finish(task, digest).await,
            Turn::Leave { task } => {
                self.puts.drop(task);
                self.talk.end(task, Say::Done);
            }
            Turn::Cancel { task } => {
                if self.puts.drop(task) {
                    self.talk.end(task, refusal(Code::Cancelled, "cancelled, as asked"));
                } else {
                    self.talk.outbox.cancel(task);
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
            self.questions.push(question);
            if self.questions.len() >= answering::QUESTION_COUNT {
                self.look_up().await;
            }
        }
    }

    async fn begin_put(&mut self, task: TaskId, put: Put, len: u64, is_whole: bool) -> Result<(), Ended> {
        if let Err(refused) = self.admit(Right::Write) {
            self.talk.end(task, refused);
            return self.skip(len).await;
        }
        if is_whole && len <= Small::LEN_MAX {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            self.wait_for(len).await?;
            self.small.add(task, &put, &mut self.inbox, len);
            if self.small.is_enough() {
                self.store_small().await;
            }
            return Ok(());
        }
        // Those that came before are not kept waiting by one that may take long.
        self.flush().await;
        match self.open(put).await? {
            Opened::Over(say) => {
                self.talk.end(task, say);
                self.skip(len).await
            }
            Opened::Open { putting, say } => {
                if let Some(say) = say {
                    self.talk.outbox.say(task, say);
                }
                self.puts.add(task, putting);
                self.pour(task, 0, len).await?;
                if is_whole {
                    self.finish(task, None).await;
                }
                Ok(())
            }
        }
    }

    async fn open(&self, put: Put) -> Result<Opened, Ended> {
        let Ok(descriptor) = Arc::clone(&self.shared.descriptors).try_acquire_owned() else {
            let say = refusal(Code::Busy, "too many blobs are on their way here; try again when one is done");
            return Ok(Opened::Over(say));
        };
        let shared = Arc::clone(&self.shared);
        // What a power cut made suspect is hashed before it is called present.
        let workers =
            if self.shared.store.has_suspects() { &self.shared.checkers } else { &self.shared.writers };
        workers.run(move || putting::open(&shared, &put, descriptor)).await.map_err(Ended::Gone)
    }

    /// Receives a payload of `len` bytes for a put, which belong at `offset` of its blob.
    async fn pour(&mut self, task: TaskId, offset: u64, len: u64) -> Result<(), Ended> {
        let mut pace = Pace::new(self.shared.options.deadlines.body);
        let mut left = len;
        while left > 0 {
            // A task that was refused a moment ago is told no more.
            let Some(putting) = self.puts.take(task) else { return self.skip(left).await };
            let inbox = mem::take(&mut self.inbox);
            let (shared, stream) = (Arc::clone(&self.shared), Arc::clone(&self.stream));
            let at = offset + (len - left);
            let turn = move || putting.pour(&shared, inbox, &stream, at, left);
            let poured = self.shared.writers.run(turn).await.map_err(Ended::Gone)?;
            let Poured { putting, inbox, say, moved, after } = poured;
            self.inbox = inbox;
            left -= moved;
            pace.moved(moved);
            for say in say {
                self.talk.outbox.say(task, say);
            }
            match after {
                After::More => self.puts.restore(task, putting),
                After::Blocked => {
                    self.puts.restore(task, putting);
                    // Nothing else looks at the socket meanwhile.
                    expect(pace.wait(self.stream.peek(&mut [0])).await)?;
                }
                After::Unwanted => {
                    self.puts.restore(task, putting);
                    return self.skip(left).await;
                }
                After::Halt(halt) => {
                    self.shared.writers.leave(move || drop(putting));
                    match halt {
                        Halt::Said(say) => self.talk.end(task, say),
                        Halt::Gone(error) => return Err(Ended::Gone(Close::PeerGone(error))),
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what a peer says of a checkpoint list.
    async fn claim(&mut self, task: TaskId, first: u64, entries: Vec<[u8; 32]>) -> Result<(), Ended> {
        let Some(putting) = self.puts.take(task) else { return Ok(()) };
        let claim = move || (putting.claim(first, &entries), putting);
        let (claimed, putting) = self.shared.writers.run(claim).await.map_err(Ended::Gone)?;
        match claimed {
            Ok(say) => {
                self.puts.restore(task, putting);
                if let Some(say) = say {
                    self.talk.outbox.say(task, say);
                }
            }
            Err(say) => {
                self.shared.writers.leave(move || drop(putting));
                self.talk.end(task, say);
            }
        }
        Ok(())
    }

    /// Ends a put that was sent whole.
    async fn finish(&mut self, task: TaskId, digest: Option<Digest>) {
        let Some(putting) = self.puts.take(task) else { return };
        let talk = Arc::clone(&self.talk);
        match putting {
            Putting::Plain(plain) => {
                self.employ(&self.shared.writers, move |_| talk.end(task, plain.finish(digest))).await;
            }
            Putting::Segmented(segmented) => {
                let ending = segmented.ending();
                self.puts.restore(task, Putting::Segmented(segmented));
                let finish = move |shared: &Shared| ending.finish(shared, &talk, task, digest.as_ref());
                self.employ(&self.shared.writers, finish).await;
            }
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
        let (small, talk) = (mem::take(&mut self.small), Arc::clone(&self.talk));
        let permit = Arc::clone(&self.shared.gathered).acquire_owned().await.expect("nobody closes it");
        let workers =
            if self.shared.store.has_suspects() { &self.shared.checkers } else { &self.shared.writers };
        let store = move |shared: &Shared| {
            small.store(&shared.store, &talk);
            drop(permit);
        };
        self.employ(workers, store).await;
    }

    async fn look_up(&mut self) {
        if self.questions.is_empty() {
            return;
        }
        let (questions, talk) = (mem::take(&mut self.questions), Arc::clone(&self.talk));
        let workers = answering::workers(&self.shared, &questions);
        self.employ(workers, move |shared| answering::answer(shared, &talk, questions)).await;
    }

    /// Gives a worker something to do, as soon as this peer may have one more. Nobody waits for it.
    async fn employ(&self, workers: &Workers, job: impl FnOnce(&Shared) + Send + 'static) {
        let permit = Arc::clone(&self.talk.jobs).acquire_owned().await.expect("nobody closes it");
        let shared = Arc::clone(&self.shared);
        workers.leave(move || {
            job(&shared);
            drop(permit);
        });
    }

    /// Waits until as much of a payload has been read ahead.
    async fn wait_for(&mut self, len: usize) -> Result<(), Ended> {
        let mut pace = Pace::new(self.shared.options.deadlines.body);
        while self.inbox.bytes().len() < len {
            let read = expect(pace.wait(read(&self.stream, &mut self.inbox, READ_LEN)).await)?;
            if read == 0 {
                return Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())));
            }
            pace.moved(read);
        }
        Ok(())
    }

    /// Forgets bytes that nobody wants.
    async fn skip(&mut self, len: u64) -> Result<(), Ended> {
        let ahead =
            usize::try_from(len).map_or(self.inbox.bytes().len(), |len| len.min(self.inbox.bytes().len()));
        self.inbox.take(ahead);
        let mut left = len - ahead as u64;
        let mut pace = Pace::new(self.shared.options.deadlines.body);
        while left > 0 {
            let skipped = expect(pace.wait(discard(&self.stream, left)).await)?;
            if skipped == 0 {
                return Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into())));
            }
            left -= skipped;
            pace.moved(skipped);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Waits for more of what the peer says; false if it says no more.
    async fn listen(&mut self) -> Result<bool, Ended> {
        let deadlines = self.shared.options.deadlines;
        loop {
            self.take_up().await;
            let is_idle = self.inbox.is_empty() && self.is_idle();
            if is_idle && self.is_stopping {
                return Err(closing(Code::Stopped, "this server stops; come back when it is up again"));
            }
            let now = Instant::now();
            let deadline = if !self.inbox.is_empty() || !self.is_greeted {
                *self.deadline.get_or_insert(now + deadlines.head)
            } else {
                self.inbox.release();
                now + if self.puts.is_empty() { deadlines.idle } else { deadlines.body }
            };
            let len = if self.is_bulky { missing_len(self.inbox.bytes()) } else { READ_LEN };
            let heard = tokio::select! {
                biased;
                heard = timeout_at(deadline, read(&self.stream, &mut self.inbox, len)) => heard,
                () = until_stop(&mut self.stop), if !self.is_stopping => {
                    self.stop_beginning();
                    continue;
                }
                () = self.talk.outbox.moves() => continue,
            };
            match heard {
                Ok(Ok(0)) if self.inbox.is_empty() => return Ok(false),
                Ok(Ok(0)) => return Err(Ended::Gone(Close::PeerGone(io::ErrorKind::UnexpectedEof.into()))),
                Ok(Ok(_)) => return Ok(true),
                Ok(Err(error)) => return Err(Ended::Gone(Close::PeerGone(error))),
                // What it was told to wait for is not its fault.
                Err(_) if self.inbox.is_empty() && self.puts.is_empty() && !is_idle => {}
                Err(_) if is_idle && self.is_greeted => return Ok(false),
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

/// Reads up to `len_max` bytes into the inbox, once there are any; 0 is the end.
async fn read(stream: &TcpStream, inbox: &mut Inbox, len_max: usize) -> io::Result<u64> {
    loop {
        stream.readable().await?;
        let read = with_scratch(len_max, |scratch| {
            let len = stream.try_read(scratch)?;
            inbox.push(&scratch[..len]);
            io::Result::Ok(len as u64)
        });
        match read {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            read => return read,
        }
    }
}

fn expect<T>(waited: Result<io::Result<T>, Expired>) -> Result<T, Ended> {
    match waited {
        Err(Expired) => Err(too_slow()),
        Ok(Err(error)) => Err(Ended::Gone(Close::PeerGone(error))),
        Ok(Ok(value)) => Ok(value),
    }
}

fn too_slow() -> Ended {
    closing(Code::TooSlow, "send what is announced at once, and nothing if there is nothing")
}

fn closing(code: Code, message: impl Into<String>) -> Ended {
    Ended::Closing(Closing { code, message: message.into() })
}

const AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));

/// What is read at once of small frames: some dozens of small blobs.
const READ_LEN: usize = 128 << 10;
