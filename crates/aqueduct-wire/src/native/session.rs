//! The server's side of a connection: which tasks there are, and what a frame may do to them.

use std::collections::BTreeMap;

use aqueduct_blob::{Digest, SEGMENT_LEN};

use super::limits::TASK_COUNT_MAX;
use super::{Answer, Ask, Code, FrameError, Hello, Put, Request, Say, TaskId};

/// The tasks of one connection, as a server sees them.
///
/// It is shown every request with the length of its payload, and says what to do about it. It counts what puts
/// receive, and knows nothing of tokens, of blobs, or of what becomes of a task before the server says that it has
/// [ended](Self::end).
#[derive(Debug, Default)]
pub struct Session {
    greeted: bool,
    /// The largest id of a task that has begun. Ids up to here are not begun again.
    last: TaskId,
    /// Those that have begun and not ended, at most [`TASK_COUNT_MAX`].
    tasks: BTreeMap<TaskId, Task>,
}

/// What to do about a request. Between them the lengths in a turn say what to do about every byte of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The client has introduced itself.
    Hello(Hello),
    /// A task begins that sends nothing more.
    Begin {
        /// The task.
        task: TaskId,
        /// One of `Get`, `Has`, `Stat`, `List`, `Remove`, `ListUploads`, `DropUpload`.
        ask: Ask,
    },
    /// A put begins.
    BeginPut {
        /// The task.
        task: TaskId,
        /// What is to be stored.
        put: Put,
        /// Bytes of payload, which the blob begins with.
        len: u64,
        /// Whether these are all of them.
        is_whole: bool,
    },
    /// Bytes for a put. Those of a plain put go on where the ones before ended; those of an upload lie within one
    /// segment.
    Data {
        /// The task.
        task: TaskId,
        /// Where in the blob they belong.
        offset: u64,
        /// Bytes of payload, at least 1.
        len: u64,
        /// Whether a plain put is whole after them.
        is_last: bool,
    },
    /// Entries of the checkpoint list of an upload's blob.
    Checkpoints {
        /// The task.
        task: TaskId,
        /// Which entry the first one is.
        first: u64,
        /// What the sender says they are.
        entries: Vec<[u8; 32]>,
    },
    /// A put has been sent whole, as the sender sees it.
    End {
        /// The task.
        task: TaskId,
        /// What the sender says the digest is.
        digest: Option<Digest>,
    },
    /// An upload is left as it is by this task.
    Leave {
        /// The task.
        task: TaskId,
    },
    /// Nobody waits for the task any more. It has to be ended still.
    Cancel {
        /// The task.
        task: TaskId,
    },
    /// The task has to be refused, and whatever was begun for it be dropped. The session has forgotten it already.
    Refuse {
        /// The task.
        task: TaskId,
        /// Why.
        code: Code,
        /// Why, for a person.
        message: String,
        /// Bytes of payload, which nobody wants.
        skip: u64,
    },
    /// Nothing has to be done: the task has ended, or was told enough.
    Skip {
        /// Bytes of payload, which nobody wants.
        len: u64,
    },
}

/// Why a connection has to close, to be said before it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Why.
    pub code: Code,
    /// Why, for a person.
    pub message: String,
}

impl Session {
    /// A connection on which nothing was said but the greetings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides what to do about `request`, which `payload_len` bytes of payload follow.
    ///
    /// # Errors
    ///
    /// [`Closing`] for what breaks the protocol; the connection is of no use after it.
    pub fn take(&mut self, request: Request, payload_len: u64) -> Result<Turn, Closing> {
        let Request { task, ask } = request;
        if payload_len > 0 && !takes_payload(&ask) {
            return Err(closing(
                Code::UnexpectedPayload,
                "only Put without an upload and Data have a payload",
            ));
        }
        match ask {
            Ask::Hello(hello) => self.greet(task, hello),
            Ask::Bad { message, .. } if !self.greeted => {
                Err(closing(Code::NoHello, &format!("the first frame has to be a Hello: {message}")))
            }
            _ if !self.greeted => Err(closing(Code::NoHello, "the first frame has to be a Hello")),
            _ if task == TaskId::CONNECTION => {
                Err(closing(Code::WrongState, "task 0 is the connection's own, and has nothing but a Hello"))
            }
            Ask::Put(put) => self.begin_put(task, put, payload_len),
            ask @ (Ask::Get(_)
            | Ask::Has { .. }
            | Ask::Stat { .. }
            | Ask::List { .. }
            | Ask::Remove { .. }
            | Ask::ListUploads { .. }
            | Ask::DropUpload { .. }) => self.begin(task, ask),
            Ask::Bad { code, message } => Ok(self.refuse_bad(task, code, message, payload_len)),
            ask @ (Ask::Data { .. }
            | Ask::Checkpoints { .. }
            | Ask::End { .. }
            | Ask::Leave
            | Ask::Cancel) => self.go_on(task, ask, payload_len),
        }
    }

    /// Takes note that the server has found its last answer to a task. What still comes for it is
    /// [skipped](Turn::Skip), and it counts until it [ends](Self::end).
    ///
    /// False if it has had one, by a [refusal](Turn::Refuse) here or by another part of the server: then the answer must
    /// not be given.
    pub fn answered(&mut self, task: TaskId) -> bool {
        match self.tasks.get_mut(&task) {
            None | Some(Task::Answered) => false,
            Some(state) => {
                *state = Task::Answered;
                true
            }
        }
    }

    /// Whether a task still waits for its last answer.
    pub fn awaits(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|state| !matches!(state, Task::Answered))
    }

    /// Forgets a task whose last answer has left. What still comes for it is [skipped](Turn::Skip).
    pub fn end(&mut self, task: TaskId) {
        self.tasks.remove(&task);
    }

    /// How many tasks have begun and not ended.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is a put that waits for more from the client.
    pub fn has_open_puts(&self) -> bool {
        self.tasks.values().any(Task::is_open)
    }

    fn greet(&mut self, task: TaskId, hello: Hello) -> Result<Turn, Closing> {
        if self.greeted {
            return Err(closing(Code::HelloTwice, "a connection has one Hello"));
        }
        if task != TaskId::CONNECTION {
            return Err(closing(Code::WrongState, "Hello is of task 0"));
        }
        self.greeted = true;
        Ok(Turn::Hello(hello))
    }

    fn begin(&mut self, task: TaskId, ask: Ask) -> Result<Turn, Closing> {
        self.count(task)?;
        if let Some(refusal) = self.refuse_if_full(task, 0) {
            return Ok(refusal);
        }
        self.tasks.insert(task, Task::Question);
        Ok(Turn::Begin { task, ask })
    }

    fn begin_put(&mut self, task: TaskId, put: Put, len: u64) -> Result<Turn, Closing> {
        self.count(task)?;
        if let Some(refusal) = self.refuse_if_full(task, len) {
            return Ok(refusal);
        }
        let is_upload = put.upload.is_some();
        let state = match put.size {
            Some(size) if is_upload => Task::Upload { size },
            Some(size) if len > size => {
                return Ok(refuse(task, Code::SizeMismatch, "there are more bytes than was said", len));
            }
            size if size == Some(len) => Task::Told,
            size => Task::Plain { received: len, size },
        };
        let is_whole = matches!(state, Task::Told);
        self.tasks.insert(task, state);
        Ok(Turn::BeginPut { task, put, len, is_whole })
    }

    /// Takes note of an id that begins a task.
    fn count(&mut self, task: TaskId) -> Result<(), Closing> {
        if task <= self.last {
            let message = format!("task {task} begins after task {}", self.last);
            return Err(Closing { code: Code::DuplicateTask, message });
        }
        self.last = task;
        Ok(())
    }

    fn refuse_if_full(&self, task: TaskId, skip: u64) -> Option<Turn> {
        let is_full = self.tasks.len() >= TASK_COUNT_MAX;
        is_full.then(|| refuse(task, Code::Busy, "there are too many tasks on this connection", skip))
    }

    /// A message that cannot be understood may begin a task, or be of a put that has begun. Either way it is the end.
    fn refuse_bad(&mut self, task: TaskId, code: Code, message: String, skip: u64) -> Turn {
        let begins = task > self.last;
        self.last = self.last.max(task);
        if begins || self.tasks.get(&task).is_some_and(Task::is_open) {
            self.end(task);
            Turn::Refuse { task, code, message, skip }
        } else {
            Turn::Skip { len: skip }
        }
    }

    fn go_on(&mut self, task: TaskId, ask: Ask, payload_len: u64) -> Result<Turn, Closing> {
        if task > self.last {
            return Err(closing(Code::WrongState, &format!("task {task} has not begun")));
        }
        let Some(state) = self.tasks.get_mut(&task) else { return Ok(Turn::Skip { len: payload_len }) };
        let turn = match (&mut *state, ask) {
            (Task::Cancelled | Task::Answered, _) => Turn::Skip { len: payload_len },
            (_, Ask::Cancel) => {
                *state = Task::Cancelled;
                Turn::Cancel { task }
            }
            (Task::Told, _) => Turn::Skip { len: payload_len },
            (Task::Plain { received, size }, Ask::Data { offset }) => {
                let turn = plain_piece(task, *received, *size, offset, payload_len);
                if let Turn::Data { len, .. } = turn {
                    *received += len;
                }
                turn
            }
            (Task::Plain { size: Some(_), .. }, Ask::End { .. }) => {
                refuse(task, Code::SizeMismatch, "there are fewer bytes than was said", 0)
            }
            (Task::Plain { size: None, .. }, Ask::End { digest }) => {
                *state = Task::Told;
                Turn::End { task, digest }
            }
            (Task::Upload { size }, Ask::Data { offset }) => upload_piece(task, *size, offset, payload_len),
            (Task::Upload { .. }, Ask::Checkpoints { first, entries }) => {
                Turn::Checkpoints { task, first, entries }
            }
            (Task::Upload { .. }, Ask::End { digest }) => Turn::End { task, digest },
            (Task::Upload { .. }, Ask::Leave) => {
                *state = Task::Told;
                Turn::Leave { task }
            }
            (Task::Plain { .. } | Task::Upload { .. } | Task::Question, _) => {
                return Err(closing(Code::WrongState, &format!("task {task} takes no such message")));
            }
        };
        match turn {
            Turn::Refuse { .. } => self.end(task),
            Turn::Data { is_last: true, .. } => {
                self.tasks.insert(task, Task::Told);
            }
            _ => {}
        }
        Ok(turn)
    }
}

impl From<FrameError> for Closing {
    fn from(error: FrameError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

impl From<Closing> for Answer {
    fn from(closing: Closing) -> Self {
        let Closing { code, message } = closing;
        Self { task: TaskId::CONNECTION, say: Say::Closing { code, message } }
    }
}

/// What a task still has to be told.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Nothing: it is for the server to answer.
    Question,
    /// The bytes of a blob, in order.
    Plain {
        /// `received < size`, where that is known.
        received: u64,
        size: Option<u64>,
    },
    /// The bytes of a blob, in any order of segments, and that these were all.
    Upload {
        /// At least 1.
        size: u64,
    },
    /// Nothing, as its sender has said itself.
    Told,
    /// Nothing, and nobody waits for it.
    Cancelled,
    /// Nothing: its last answer is on its way.
    Answered,
}

impl Task {
    /// Whether it is a put that waits for more.
    fn is_open(&self) -> bool {
        matches!(self, Self::Plain { .. } | Self::Upload { .. })
    }
}

/// The next bytes of a put without an upload.
fn plain_piece(task: TaskId, received: u64, size: Option<u64>, offset: u64, len: u64) -> Turn {
    if offset != received {
        return refuse(task, Code::BadOffset, "the bytes do not go on where the ones before ended", len);
    }
    let end = received.checked_add(len);
    match (end, size) {
        (None, _) => refuse(task, Code::TooLarge, "no blob is that large", len),
        (Some(end), Some(size)) if end > size => {
            refuse(task, Code::SizeMismatch, "there are more bytes than was said", len)
        }
        _ if len == 0 => Turn::Skip { len },
        (end, size) => Turn::Data { task, offset, len, is_last: end == size },
    }
}

/// Some bytes of an upload.
fn upload_piece(task: TaskId, size: u64, offset: u64, len: u64) -> Turn {
    let segment = offset / SEGMENT_LEN;
    match offset.checked_add(len) {
        Some(end) if end <= size && len == 0 => Turn::Skip { len },
        Some(end) if end <= size && (end - 1) / SEGMENT_LEN == segment => {
            Turn::Data { task, offset, len, is_last: false }
        }
        Some(end) if end <= size => {
            refuse(task, Code::BadOffset, "the bytes do not lie within one segment", len)
        }
        _ => refuse(task, Code::BadOffset, "the bytes do not lie within the blob", len),
    }
}

fn takes_payload(ask: &Ask) -> bool {
    match ask {
        Ask::Put(put) => put.upload.is_none(),
        Ask::Data { .. } | Ask::Bad { .. } => true,
        _ => false,
    }
}

fn refuse(task: TaskId, code: Code, message: &str, skip: u64) -> Turn {
    Turn::Refuse { task, code, message: message.to_owned(), skip }
}

fn closing(code: Code, message: &str) -> Closing {
    Closing { code, message: message.to_owned() }
}

#[cfg(test)]
mod tests;
