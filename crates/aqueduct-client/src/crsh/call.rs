//! One connection of ccache: requests in, replies out, one after the other.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_flow::{SendQueue, SendRoute};
use aqueduct_wire::crsh::{GREETING, Key, Reply, Request, parse_request};
use http::{Method, StatusCode};

use super::CcacheStorage;
use crate::error::Error;
use crate::http::{HttpClient, Response};
use crate::site::USER_AGENT;
use crate::stream::uninterrupted;

/// A peer, and what it sent that was not looked at yet.
pub(super) struct Call {
    stream: UnixStream,
    inbox: Vec<u8>,
}

/// What is next on a connection.
enum Next {
    Hear,
    /// What comes next is not of a request, or nobody wants to hear more.
    Close,
}

impl Call {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(MOVE_TIMEOUT))?;
        Ok(Self { stream, inbox: Vec::new() })
    }

    /// Serves it to its end.
    pub(super) fn serve(mut self, storage: &CcacheStorage, stop: &dyn Fn()) -> io::Result<()> {
        self.stream.write_all(&GREETING)?;
        loop {
            let (request, len) = match parse_request(&self.inbox) {
                Ok(Some(understood)) => understood,
                Ok(None) => {
                    let is_between = self.inbox.is_empty();
                    self.stream.set_read_timeout(Some(if is_between { IDLE } else { MOVE_TIMEOUT }))?;
                    if self.read_more()? == 0 {
                        return Ok(());
                    }
                    continue;
                }
                Err(bad) => return self.say(Reply::Failed(&bad.to_string())),
            };
            let Asked { kind, target } = Asked::of(&request, &storage.prefix);
            self.inbox.drain(..len);
            let next = match (kind, target) {
                (Kind::Info, _) => {
                    let diagnostics = &storage.diagnostics;
                    self.say(Reply::Info { identity: USER_AGENT, diagnostics }).map(|()| Next::Hear)
                }
                (Kind::Stop, _) => {
                    self.say(Reply::Done)?;
                    stop();
                    Ok(Next::Close)
                }
                (Kind::Put { size, .. }, Err(why)) if size > 0 => {
                    self.say(Reply::Failed(why)).map(|()| Next::Close)
                }
                (_, Err(why)) => self.say(Reply::Failed(why)).map(|()| Next::Hear),
                (Kind::Get, Ok(target)) => self.get(storage, &target),
                (Kind::Put { overwrite, size }, Ok(target)) => self.put(storage, &target, overwrite, size),
                (Kind::Remove, Ok(target)) => {
                    let removed = storage.ask(|http| is_done(http, &Method::DELETE, &target));
                    self.tell(removed.map(|was_here| if was_here { Reply::Done } else { Reply::NotDone }))
                }
                (Kind::Exists, Ok(target)) => {
                    let exists = storage.ask(|http| is_done(http, &Method::HEAD, &target));
                    self.tell(exists.map(Reply::Exists))
                }
            };
            if let Next::Close = next? {
                return Ok(());
            }
        }
    }

    /// Passes a value on as it comes.
    fn get(&mut self, storage: &CcacheStorage, target: &str) -> io::Result<Next> {
        let found = storage.ask(|http| {
            let request = http.head(&Method::GET, target).finish();
            found(http.ask(&Method::GET, &request)?)
        });
        let mut response = match found {
            Ok(Some(response)) => response,
            Ok(None) => return self.tell(Ok(Reply::NotDone)),
            Err(why) => return self.tell(Err(why)),
        };
        let Some(size) = response.body().len() else {
            return self.tell(Err("the server does not say how large a value is".to_owned()));
        };
        self.say(Reply::Value { size })?;
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            // What breaks off here breaks off there: its size was said.
            let len = response.read(&mut buffer)?;
            if len == 0 {
                return Ok(Next::Hear);
            }
            self.stream.write_all(&buffer[..len])?;
        }
    }

    /// Takes a value, and passes it on once it is whole.
    fn put(&mut self, storage: &CcacheStorage, target: &str, overwrite: bool, size: u64) -> io::Result<Next> {
        if size > VALUE_LEN_MAX {
            let why = format!("a value of {size} bytes is more than the {VALUE_LEN_MAX} that are taken");
            return self.say(Reply::Failed(&why)).map(|()| Next::Close);
        }
        let value: Arc<[u8]> = self.take(size)?.into();
        let kept = storage.ask(|http| {
            if !overwrite && is_done(http, &Method::HEAD, target)? {
                return Ok(false);
            }
            let head = http.head(&Method::PUT, target).field("Content-Type", "application/octet-stream");
            let head = head.field("Content-Length", size).finish();
            let queue = || {
                let mut queue = SendQueue::new(SendRoute::Copy);
                queue.push_memory(head.clone());
                queue.push_shared(Arc::clone(&value), 0..value.len());
                queue
            };
            let watch = &mut |_| std::ops::ControlFlow::Continue(());
            let (response, _) = http.exchange(&Method::PUT, queue, http.site.answer_wait(size), watch)?;
            let response = response.expect("nobody stops it");
            match response.status() {
                // It was put in between.
                StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                    finish(response);
                    Ok(false)
                }
                status if status.is_success() => {
                    finish(response);
                    Ok(true)
                }
                _ => Err(response.failure()),
            }
        });
        self.tell(kept.map(|is_kept| if is_kept { Reply::Done } else { Reply::NotDone }))
    }

    /// So many bytes, whole. Memory grows with what comes, and not with what is said to.
    fn take(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let ahead = self.inbox.len().min(size);
        let mut value: Vec<u8> = self.inbox.drain(..ahead).collect();
        self.stream.set_read_timeout(Some(MOVE_TIMEOUT))?;
        (&self.stream).take((size - ahead) as u64).read_to_end(&mut value)?;
        if value.len() < size { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(value) }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let len = self.inbox.len();
        self.inbox.resize(len + HEAD_READ_LEN, 0);
        let read = uninterrupted(|| (&self.stream).read(&mut self.inbox[len..]));
        self.inbox.truncate(len + read.as_ref().copied().unwrap_or(0));
        read
    }

    fn tell(&mut self, outcome: Result<Reply<'_>, String>) -> io::Result<Next> {
        match outcome {
            Ok(reply) => self.say(reply)?,
            Err(why) => self.say(Reply::Failed(&why))?,
        }
        Ok(Next::Hear)
    }

    fn say(&mut self, reply: Reply<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        reply.write(&mut bytes);
        self.stream.write_all(&bytes)
    }
}

/// A request, apart from the bytes it came in.
struct Asked {
    kind: Kind,
    /// The path that it is about.
    target: Result<String, &'static str>,
}

enum Kind {
    Get,
    Put { overwrite: bool, size: u64 },
    Remove,
    Exists,
    Info,
    Stop,
}

impl Asked {
    fn of(request: &Request<'_>, prefix: &str) -> Self {
        let (kind, key) = match *request {
            Request::Get { key } => (Kind::Get, Some(key)),
            Request::Put { key, overwrite, size } => (Kind::Put { overwrite, size }, Some(key)),
            Request::Remove { key } => (Kind::Remove, Some(key)),
            Request::Exists { key } => (Kind::Exists, Some(key)),
            Request::Info => (Kind::Info, None),
            Request::Stop => (Kind::Stop, None),
        };
        let target = match key {
            Some(Key(bytes)) if bytes.len() != KEY_LEN => Err("over HTTP a key has 20 bytes"),
            key => Ok(format!("{prefix}{}", key.map(|key| key.hex()).unwrap_or_default())),
        };
        Self { kind, target }
    }
}

/// Asks without a body, and whether what is asked about was there.
fn is_done(http: &HttpClient, method: &Method, target: &str) -> Result<bool, Error> {
    let request = http.head(method, target).finish();
    match found(http.ask(method, &request)?)? {
        Some(response) => {
            finish(response);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// An answer that is no miss.
fn found(response: Response<'_>) -> Result<Option<Response<'_>>, Error> {
    match response.status() {
        StatusCode::NOT_FOUND => {
            finish(response);
            Ok(None)
        }
        status if status.is_success() => Ok(Some(response)),
        _ => Err(response.failure()),
    }
}

/// Reads an answer to its end, so that its connection is kept; not one that goes on and on.
fn finish(mut response: Response<'_>) {
    let mut buffer = [0; ANSWER_LEN_MAX];
    for _ in 0..ANSWER_READ_COUNT_MAX {
        if response.body().is_over() || response.read(&mut buffer).is_err() {
            return;
        }
    }
}

/// What the paths of ccache over HTTP have, in hex: BLAKE3, cut off.
const KEY_LEN: usize = 20;

/// ccache connects before it compiles, and brings the result by the same connection: longer than any compiler runs.
const IDLE: Duration = Duration::from_secs(6 * 60 * 60);

/// For the next byte while some move. ccache itself waits for 10 seconds.
const MOVE_TIMEOUT: Duration = Duration::from_secs(60);

/// A value is held in memory, as ccache does itself: what a compiler wrote, compressed.
const VALUE_LEN_MAX: u64 = 512 << 20;

const BUFFER_LEN: usize = 256 << 10;

/// Requests but for values are no longer.
const HEAD_READ_LEN: usize = 4 << 10;

/// A problem is a few sentences.
const ANSWER_LEN_MAX: usize = 4 << 10;

/// However small the pieces are that it comes in.
const ANSWER_READ_COUNT_MAX: u32 = 8;
