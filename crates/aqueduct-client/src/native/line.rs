//! One connection: requests go out and answers come in at once, so that neither side ever waits for the other to read.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use aqueduct_flow::{Carried, Extent, Intake, Observe, SendQueue, SendRoute, Step};
use aqueduct_sys::{Readiness, wait_at_most};
use aqueduct_wire::native::limits::PREAMBLE_LEN;
use aqueduct_wire::native::{
    Answer, Ask, FrameError, GREETING_LEN, Hello, Request, Say, TaskId, VERSION, greeting, parse_answer,
    parse_greeting,
};

use super::inbox::{Filled, Inbox};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Mend, kind_of};
use crate::site::{Site, USER_AGENT};

/// A socket that never blocks, between two queues.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    endpoint: Endpoint,
    /// How long nothing may move while something should.
    timeout: Duration,
    queue: SendQueue,
    /// Frames that are not in the queue yet: many leave in one write.
    outbox: Vec<u8>,
    inbox: Inbox,
    stage: Stage,
    /// Of the payload of the frame that was heard last, what was not taken yet.
    payload_left: u64,
    last_task: u64,
    /// It was kept after its last use, and nothing was heard in this one.
    may_be_stale: bool,
    is_spoiled: bool,
    reads_ahead: bool,
    /// Why nothing can be sent any more.
    lost: Option<io::Error>,
    /// How many tasks the server takes at a time.
    task_count_max: usize,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Welcome,
    Answers,
}

/// An answer, whose payload has to be taken before the next one can be heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) task: TaskId,
    pub(super) say: Say,
    pub(super) payload_len: u64,
}

impl Line {
    /// Connects to the first of the addresses that answers, and greets without waiting to be greeted.
    pub(super) fn open(site: &Site) -> Result<Self, Error> {
        let stream = connect(&site.endpoint, site.options.timeout)
            .map_err(|error| Error::connect(&site.endpoint, error))?;
        let mut line = Self {
            stream,
            endpoint: site.endpoint.clone(),
            timeout: site.options.timeout,
            queue: SendQueue::to_socket(SendRoute::Sendfile),
            outbox: greeting().to_vec(),
            inbox: Inbox::default(),
            stage: Stage::Greeting,
            payload_left: 0,
            last_task: 0,
            may_be_stale: false,
            is_spoiled: false,
            reads_ahead: true,
            lost: None,
            task_count_max: TASK_COUNT_BEFORE_WELCOME,
        };
        let token = site.options.token.as_ref().map(|token| token.secret().to_owned());
        let hello = Hello { agent: USER_AGENT.to_owned(), token, capabilities: Vec::new() };
        line.say(TaskId::CONNECTION, Ask::Hello(hello));
        Ok(line)
    }

    /// The id of a new task.
    pub(super) fn task(&mut self) -> TaskId {
        self.last_task += 1;
        TaskId(self.last_task)
    }

    /// How many tasks there may be at a time, as far as is known.
    pub(super) fn task_count_max(&self) -> usize {
        self.task_count_max
    }

    /// Queues a message.
    pub(super) fn say(&mut self, task: TaskId, ask: Ask) {
        Request { task, ask }.write(0, &mut self.outbox);
    }

    /// Queues a message with a payload in memory.
    pub(super) fn say_with(&mut self, task: TaskId, ask: Ask, payload: &[u8]) {
        Request { task, ask }.write(payload.len() as u64, &mut self.outbox);
        self.outbox.extend_from_slice(payload);
    }

    /// Queues a message whose payload is in a file.
    pub(super) fn say_extent(&mut self, task: TaskId, ask: Ask, payload: Extent) {
        Request { task, ask }.write(payload.len(), &mut self.outbox);
        self.queue.push_memory(std::mem::take(&mut self.outbox));
        self.queue.push_extent(payload);
    }

    /// Sends what can be sent at once. What has to leave although there is always something to hear needs this.
    pub(super) fn push(&mut self) -> Result<(), Error> {
        self.send().map(drop)
    }

    /// Bytes that are queued and not sent.
    pub(super) fn unsent(&self) -> u64 {
        self.queue.remaining() + self.outbox.len() as u64
    }

    /// The routes of the payloads in files that were sent in this use.
    pub(super) fn carried(&self) -> &Carried {
        self.queue.carried()
    }

    /// Lets heads be read without the bytes behind them, so that those can be moved by route.
    pub(super) fn read_exactly(&mut self) {
        self.reads_ahead = false;
    }

    /// Waits for an answer, at most for `wait` after everything was sent, and to be greeted as long as for anything that
    /// moves.
    pub(super) fn hear(&mut self, wait: Duration) -> Result<Heard, Error> {
        let heard = self.drive(None, wait)?;
        Ok(heard.expect("it goes on until something was heard"))
    }

    /// Sends until at most `len` bytes are left to send, unless an answer comes before.
    pub(super) fn send_down_to(&mut self, len: u64) -> Result<Option<Heard>, Error> {
        self.drive(Some(len), self.timeout)
    }

    /// An answer, if one is there.
    pub(super) fn hear_if_any(&mut self) -> Result<Option<Heard>, Error> {
        loop {
            if let Some(heard) = self.parse()? {
                return Ok(Some(heard));
            }
            let len = self.fill_len();
            match self.inbox.fill(&self.stream, len).map_err(|error| self.broken(error))? {
                Filled::Some => {}
                Filled::NothingYet => return Ok(None),
                Filled::End => return Err(self.broken(closed_early())),
            }
        }
    }

    /// Moves some of the payload to `file` at `offset`: at least a byte, at most `len_max`.
    pub(super) fn pour(
        &mut self,
        intake: &mut Intake,
        file: &File,
        offset: u64,
        len_max: u64,
        observe: &mut Observe<'_>,
    ) -> Result<usize, Error> {
        let due = self.due(len_max);
        let pending = self.inbox.bytes();
        if !pending.is_empty() {
            let bytes = &pending[..due.min(pending.len())];
            let len = bytes.len();
            intake.put(bytes, file, offset, observe).map_err(|error| self.broken(error))?;
            self.took(len);
            return Ok(len);
        }
        loop {
            match intake.step(self.stream.as_fd(), file, offset, due, observe) {
                Ok(Step::Moved(len)) => {
                    self.payload_left -= len as u64;
                    return Ok(len);
                }
                Ok(Step::Blocked(_)) => self.wait_for_bytes()?,
                Ok(Step::End) => return Err(self.broken(closed_early())),
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// Reads some of the payload: 0 bytes if nothing is left of it.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let due = self.due(buffer.len() as u64);
        if due == 0 {
            return Ok(0);
        }
        while self.inbox.is_empty() {
            match self.inbox.fill(&self.stream, due).map_err(|error| self.broken(error))? {
                Filled::Some => {}
                Filled::NothingYet => self.wait_for_bytes()?,
                Filled::End => return Err(self.broken(closed_early())),
            }
        }
        let len = due.min(self.inbox.bytes().len());
        buffer[..len].copy_from_slice(&self.inbox.bytes()[..len]);
        self.took(len);
        Ok(len)
    }

    /// Reads the whole payload behind what is in `bytes` already.
    pub(super) fn read_all(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let mut len = bytes.len();
        bytes.resize(len + self.due(u64::MAX), 0);
        while len < bytes.len() {
            len += self.read(&mut bytes[len..])?;
        }
        Ok(())
    }

    /// Reads the rest of the payload, and forgets it.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let mut buffer = [0; FILL_LEN];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// What is said of an answer that makes no sense.
    pub(super) fn nonsense(&self, what: &'static str) -> Error {
        Error::protocol(&self.endpoint, what)
    }

    /// Lets the line be used for nothing else: there are tasks that nobody waits for.
    pub(super) fn spoil(&mut self) {
        self.is_spoiled = true;
    }

    /// Whether it may be kept for another use.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_spoiled && self.unsent() == 0 && self.payload_left == 0 && self.inbox.is_empty()
    }

    /// Begins another use, unless something came meanwhile: what nobody asked for, or the end.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.may_be_stale = true;
        self.reads_ahead = true;
        self.queue = SendQueue::to_socket(SendRoute::Sendfile);
        let peeked = self.stream.peek(&mut [0]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends and listens until an answer is heard, or no more than `len` bytes are left to send.
    fn drive(&mut self, len: Option<u64>, wait: Duration) -> Result<Option<Heard>, Error> {
        let mut moved_at = Instant::now();
        loop {
            if let Some(heard) = self.hear_if_any()? {
                return Ok(Some(heard));
            }
            if len.is_some_and(|len| self.unsent() <= len) {
                return Ok(None);
            }
            if self.send()? {
                moved_at = Instant::now();
                continue;
            }
            // Only what was heard can need time to think about, and only a line that lives is worth the time.
            let is_busy = self.unsent() > 0 || self.stage != Stage::Answers;
            let limit = match (is_busy, self.may_be_stale) {
                (true, _) => self.timeout,
                (false, true) => wait.min(self.timeout),
                (false, false) => wait,
            };
            self.wait(limit.saturating_sub(moved_at.elapsed()))?;
        }
    }

    /// Sends what can be sent at once; false if that is nothing.
    fn send(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.lost.take() {
            return Err(self.broken(error));
        }
        if !self.outbox.is_empty() {
            self.queue.push_memory(std::mem::take(&mut self.outbox));
        }
        match self.queue.step(self.stream.as_fd(), TURN_LEN) {
            Ok(Step::Moved(_)) => Ok(true),
            Ok(Step::Blocked(_) | Step::End) => Ok(false),
            // It may have said why before it went away: that is heard first.
            Err(error) if kind_of(&error) == ErrorKind::Lost => {
                self.lost = Some(error);
                Ok(true)
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    /// Waits until bytes can be received, and sends meanwhile what there is to send.
    fn wait_for_bytes(&mut self) -> Result<(), Error> {
        while self.unsent() > 0 && self.send()? {}
        self.wait(self.timeout)
    }

    /// Waits until either side is ready.
    fn wait(&self, time: Duration) -> Result<(), Error> {
        let both = [Readiness::Readable, Readiness::Writable];
        let sides = if self.unsent() > 0 { &both[..] } else { &both[..1] };
        match wait_at_most(&self.stream, sides, time).map_err(io::Error::from) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.broken(io::ErrorKind::TimedOut.into())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// The answer that the inbox begins with, if it is whole.
    fn parse(&mut self) -> Result<Option<Heard>, Error> {
        // Whoever asked for bytes has taken them by now.
        if self.payload_left > 0 {
            return Err(self.nonsense("it sends bytes of a blob where nobody asked for any"));
        }
        if self.stage == Stage::Greeting {
            match parse_greeting(self.inbox.bytes()).map_err(|error| self.garbled(error))? {
                None => return Ok(None),
                Some(version) if version > VERSION => return Err(self.garbled(FrameError::UnknownVersion)),
                Some(_) => {}
            }
            self.inbox.take(GREETING_LEN);
            self.stage = Stage::Welcome;
        }
        loop {
            let parsed = parse_answer(self.inbox.bytes()).map_err(|error| self.garbled(error))?;
            let Some(frame) = parsed else { return Ok(None) };
            self.inbox.take(frame.head_len);
            let Answer { task, say } = frame.message;
            if let Say::Closing { code, message } = &say {
                return Err(self.mendable(Error::refused(&self.endpoint, *code, message)));
            }
            self.may_be_stale = false;
            match (say, self.stage) {
                (say, _) if frame.payload_len > 0 && !matches!(say, Say::Data { .. }) => {
                    return Err(self.nonsense("a payload follows where there can be none"));
                }
                (Say::Welcome(welcome), Stage::Welcome) if task == TaskId::CONNECTION => {
                    self.task_count_max =
                        usize::try_from(welcome.task_count_max).unwrap_or(usize::MAX).max(1);
                    self.stage = Stage::Answers;
                }
                (_, Stage::Welcome) => return Err(self.nonsense("it does not say who it is")),
                (say, _) => {
                    self.payload_left = frame.payload_len;
                    return Ok(Some(Heard { task, say, payload_len: frame.payload_len }));
                }
            }
        }
    }

    /// How much to receive next.
    fn fill_len(&self) -> usize {
        let held = self.inbox.bytes();
        match (self.reads_ahead, held.first_chunk()) {
            (true, _) => FILL_LEN,
            (false, _) if self.stage == Stage::Greeting => GREETING_LEN - held.len(),
            (false, Some(&[a, b, c, d])) if held.len() >= PREAMBLE_LEN => {
                // The preamble was checked when it was parsed.
                let header_len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                header_len.saturating_sub(held.len() - PREAMBLE_LEN).min(FILL_LEN)
            }
            (false, _) => PREAMBLE_LEN - held.len(),
        }
    }

    fn due(&self, len_max: u64) -> usize {
        usize::try_from(self.payload_left.min(len_max)).unwrap_or(usize::MAX)
    }

    fn took(&mut self, len: usize) {
        self.inbox.take(len);
        self.payload_left -= len as u64;
    }

    fn broken(&self, error: io::Error) -> Error {
        self.mendable(Error::moving(&self.endpoint, error))
    }

    /// That a line was closed while it was kept, or that the machine at its end went without a word, is known only once it
    /// is used.
    fn mendable(&self, error: Error) -> Error {
        let is_dead = matches!(error.kind(), ErrorKind::Lost | ErrorKind::Timeout);
        let is_stale = self.may_be_stale && is_dead;
        if is_stale { error.mended_by(Mend::OtherLine) } else { error }
    }

    fn garbled(&self, error: FrameError) -> Error {
        Error::garbled(&self.endpoint, error)
    }
}

fn connect(endpoint: &Endpoint, timeout: Duration) -> io::Result<TcpStream> {
    let stream = endpoint.connect(timeout)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// What a stream that ends in the middle of something is.
fn closed_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection early")
}

/// What one call sends.
const TURN_LEN: usize = 1 << 20;

/// A server takes as many, even before it says how many it takes.
const TASK_COUNT_BEFORE_WELCOME: usize = 64;

/// Many answers, or several small blobs, in one call.
const FILL_LEN: usize = 64 << 10;
