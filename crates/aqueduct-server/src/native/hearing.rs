//! What a peer says: it is greeted, and listened to until one side has enough.

mod acting;
mod gathering;
mod payload;

use std::io;
use std::sync::Arc;

use aqueduct_wire::http1::Credentials;
use aqueduct_wire::native::{Closing, Code, Frame, GREETING_LEN, missing_len, parse_greeting, parse_request};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::answering::Question;
use super::putting::Puts;
use super::refusal::refusal;
use super::small::Small;
use super::{Ended, Talk};
use crate::close::Close;
use crate::deadline::Pace;
use crate::inbox::Inbox;
use crate::server::{Shared, until_stop};
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
            pace: shared.options.body_pace(),
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

/// What is read at once of small frames: some dozens of small blobs.
const READ_LEN: usize = 128 << 10;
