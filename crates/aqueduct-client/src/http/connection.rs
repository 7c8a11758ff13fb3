//! One connection: requests go out by a send queue, heads come in, and bytes of bodies behind them.

use std::io::{self, Read};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use aqueduct_flow::{SendQueue, Step};
use aqueduct_wire::http1::parse_response;
use http::Method;

use crate::endpoint::Endpoint;
use crate::error::{ErrorKind, kind_of};
use crate::http::head::Head;
use crate::stream::uninterrupted;

/// A blocking socket. No call on it waits longer than it was told to.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was received, of which the first `start` bytes were taken.
    inbox: Vec<u8>,
    /// Invariant: `start <= inbox.len()`.
    start: usize,
}

/// How sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Whole,
    /// The server said its last word before it had heard everything; it is in the inbox.
    Answered,
    /// The watch asked for it.
    Stopped,
}

/// Is shown how many bytes are left to send, at least every [`WATCH_EVERY`].
pub(crate) type Watch<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

impl Connection {
    pub(crate) fn open(endpoint: &Endpoint, timeout: Duration) -> io::Result<Self> {
        let stream = endpoint.connect(timeout)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(timeout.min(WATCH_EVERY)))?;
        Ok(Self { stream, inbox: Vec::new(), start: 0 })
    }

    /// Whether nothing came since the last answer: neither bytes, which nobody asked for, nor the end.
    pub(crate) fn is_quiet(&self) -> bool {
        let peeked = self.at_once(|stream| stream.peek(&mut [0]));
        self.pending().is_empty() && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends the queue, and stops early where the server answers before its end.
    ///
    /// Fails with `TimedOut` if nothing moves for as long as `idle`.
    pub(crate) fn send(
        &mut self,
        queue: &mut SendQueue,
        method: &Method,
        idle: Duration,
        watch: &mut Watch<'_>,
    ) -> io::Result<Sent> {
        let mut moved_at = Instant::now();
        loop {
            match queue.step(self.stream.as_fd(), TURN_LEN) {
                Ok(Step::End) => return Ok(Sent::Whole),
                Ok(Step::Moved(_)) => moved_at = Instant::now(),
                Ok(Step::Blocked(_)) if moved_at.elapsed() < idle => {}
                Ok(Step::Blocked(_)) => return Err(io::ErrorKind::TimedOut.into()),
                // It may have said why before it went away.
                Err(error) if kind_of(&error) == ErrorKind::Lost => {
                    return if self.has_answer(method).unwrap_or(false) {
                        Ok(Sent::Answered)
                    } else {
                        Err(error)
                    };
                }
                Err(error) => return Err(error),
            }
            if watch(queue.remaining()).is_break() {
                return Ok(Sent::Stopped);
            }
            if !queue.is_empty() && self.has_answer(method)? {
                return Ok(Sent::Answered);
            }
        }
    }

    /// Whether an answer is there, as far as can be told without waiting.
    pub(crate) fn has_answer(&mut self, method: &Method) -> io::Result<bool> {
        loop {
            if let Some((head, len)) = parse_response(self.pending(), method).map_err(not_http)? {
                if !head.status.is_informational() {
                    return Ok(true);
                }
                self.take(len);
                continue;
            }
            self.stream.set_nonblocking(true)?;
            let filled = self.fill();
            self.stream.set_nonblocking(false)?;
            match filled {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the head of the answer, at most until `wait` has passed.
    pub(crate) fn receive_head(&mut self, method: &Method, wait: Duration) -> io::Result<Head> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some((head, len)) = parse_response(self.pending(), method).map_err(not_http)? {
                let head = Head::of(&head);
                self.take(len);
                if !head.status.is_informational() {
                    return Ok(head);
                }
            } else {
                self.wait_at_most(deadline.saturating_duration_since(Instant::now()))?;
                self.fill()?;
            }
        }
    }

    /// Lets no read wait longer than this from now on.
    pub(crate) fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        // Zero would mean forever.
        self.stream.set_read_timeout(Some(time.max(Duration::from_millis(1))))
    }

    /// What was received and not taken yet.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.inbox[self.start..]
    }

    pub(crate) fn take(&mut self, len: usize) {
        assert!(len <= self.pending().len(), "no more is taken than was received");
        self.start += len;
    }

    /// Receives something; `UnexpectedEof` at the end of the stream.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        self.inbox.drain(..self.start);
        self.start = 0;
        let len = self.inbox.len();
        self.inbox.resize(len + FILL_LEN, 0);
        let filled = uninterrupted(|| (&self.stream).read(&mut self.inbox[len..]));
        self.inbox.truncate(len + filled.as_ref().copied().unwrap_or(0));
        match filled? {
            0 => Err(closed_early()),
            _ => Ok(()),
        }
    }

    /// Reads what was received already, or else from the socket; 0 is the end of the stream.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending().is_empty() {
            return uninterrupted(|| (&self.stream).read(buffer));
        }
        let len = self.pending().len().min(buffer.len());
        buffer[..len].copy_from_slice(&self.pending()[..len]);
        self.take(len);
        Ok(len)
    }

    /// For a mover, once nothing is pending.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        debug_assert!(self.pending().is_empty(), "a mover would overtake what was received");
        self.stream.as_fd()
    }

    /// Calls without waiting.
    fn at_once<T>(&self, call: impl FnOnce(&TcpStream) -> io::Result<T>) -> io::Result<T> {
        self.stream.set_nonblocking(true)?;
        let called = call(&self.stream);
        self.stream.set_nonblocking(false)?;
        called
    }
}

/// What a stream that ends in the middle of something is.
pub(crate) fn closed_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection early")
}

/// What bytes are that break the protocol.
pub(crate) fn not_http(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// What one call sends: few calls for a large file, and progress several times a second on a slow line.
const TURN_LEN: usize = 1 << 20;

/// How long a send waits before it looks up: whoever answers early, or stops us, waits no longer.
pub(crate) const WATCH_EVERY: Duration = Duration::from_millis(250);

/// A head, and most answers, in one call.
const FILL_LEN: usize = 16 << 10;
