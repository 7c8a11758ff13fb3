//! What serving files costs where nothing is promised: no digest, no deadline, no turns, nobody who is turned away.
//!
//! One thread, sockets that never block, sendfile(2) out and splice(2) in. What it is asked must be well-formed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Reserve, SpliceFlags, fallocate, pipe, sendfile, set_pipe_len, splice};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// Answers GET with a file below `root`, and makes one of what PUT brings. Ends when it is killed.
pub(crate) fn serve(listen: SocketAddr, root: &Path) -> Result<()> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let floor = Floor { root: root.to_owned(), pipe: pipe()? };
    set_pipe_len(&floor.pipe.1, PIPE_LEN)?;
    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let mut names = LISTENER + 1..;
    let mut events = Vec::with_capacity(EVENT_COUNT);
    loop {
        events.clear();
        retry_on_intr(|| epoll::wait(&poll, spare_capacity(&mut events), None))?;
        for event in &events {
            let name = event.data.u64();
            if name == LISTENER {
                while let Some((socket, _)) = ready(listener.accept())? {
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    let name = names.next().expect("there are 2^64 names");
                    let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
                    epoll::add(&poll, &socket, epoll::EventData::new_u64(name), flags)?;
                    connections.insert(name, Connection::new(socket));
                }
            } else if let Some(connection) = connections.get_mut(&name)
                && connection.go_on(&floor).or_else(unless_gone)? == Standing::Ended
            {
                connections.remove(&name);
            }
        }
    }
}

/// What all connections share. The pipe is empty between two of their turns.
struct Floor {
    root: PathBuf,
    pipe: (OwnedFd, OwnedFd),
}

struct Connection {
    socket: TcpStream,
    head: Vec<u8>,
    state: State,
}

/// 0 <= `offset` <= `end`, which is the size of the file.
enum State {
    Listening,
    Sending { file: File, offset: u64, end: u64 },
    Receiving { file: File, offset: u64, end: u64 },
}

#[derive(PartialEq, Eq)]
enum Standing {
    Waiting,
    Ended,
}

impl Connection {
    fn new(socket: TcpStream) -> Self {
        Self { socket, head: Vec::new(), state: State::Listening }
    }

    /// Goes as far as the socket lets it.
    fn go_on(&mut self, floor: &Floor) -> Result<Standing> {
        loop {
            let moved = match &mut self.state {
                State::Listening => self.listen(floor)?,
                State::Sending { offset, end, .. } if offset == end => {
                    self.state = State::Listening;
                    continue;
                }
                State::Sending { file, offset, end } => {
                    let len = usize::try_from(*end - *offset)?.min(SEND_LEN_MAX);
                    let sent = ready(uninterrupted(|| sendfile(&self.socket, &*file, *offset, len)))?;
                    *offset += sent.unwrap_or(0) as u64;
                    sent
                }
                State::Receiving { offset, end, .. } if offset == end => {
                    self.say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", SendFlags::empty())?;
                    self.state = State::Listening;
                    continue;
                }
                State::Receiving { file, offset, end } => {
                    let received = receive(&self.socket, file, *offset, *end, &floor.pipe)?;
                    *offset += received.unwrap_or(0) as u64;
                    received
                }
            };
            match moved {
                None => return Ok(Standing::Waiting),
                Some(0) => return Ok(Standing::Ended),
                Some(_) => {}
            }
        }
    }

    /// Reads a part of a head, and begins to answer when it is whole.
    fn listen(&mut self, floor: &Floor) -> Result<Option<usize>> {
        let mut buffer = [0; HEAD_LEN_MAX];
        // What follows the head is left to the splice, so that all of a body takes the same way.
        let peeked = retry_on_intr(|| recv(&self.socket, &mut buffer, RecvFlags::PEEK));
        let Some((len, _)) = ready(peeked)? else { return Ok(None) };
        let before = self.head.len();
        self.head.extend_from_slice(&buffer[..len]);
        let whole = self.head.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let taken = whole.map_or(len, |whole| whole - before);
        self.socket.read_exact(&mut buffer[..taken])?;
        ensure!(self.head.len() < 2 * HEAD_LEN_MAX, "a head without an end");
        if let Some(whole) = whole {
            let head = std::mem::take(&mut self.head);
            let head = std::str::from_utf8(&head[..whole])?;
            self.answer(floor, &Request::parse(head).with_context(|| format!("asked: {head}"))?)?;
        }
        Ok(Some(taken))
    }

    fn answer(&mut self, floor: &Floor, request: &Request<'_>) -> Result<()> {
        let path = floor.root.join(request.name);
        if request.is_put {
            let file = File::create(&path)?;
            if request.len > 0 {
                fallocate(&file, Reserve::Grow, 0, request.len)?;
            }
            self.state = State::Receiving { file, offset: 0, end: request.len };
        } else {
            let file = File::open(&path).with_context(|| path.display().to_string())?;
            let size = file.metadata()?.len();
            self.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"), SendFlags::MORE)?;
            self.state = State::Sending { file, offset: 0, end: size };
        }
        Ok(())
    }

    /// Whoever asks has read the answer before: there is room for a head.
    fn say(&self, head: &str, flags: SendFlags) -> Result<()> {
        let sent = retry_on_intr(|| send(&self.socket, head.as_bytes(), flags)).map_err(io::Error::from)?;
        ensure!(sent == head.len(), "no room for a head");
        Ok(())
    }
}

/// What is asked for, as far as it matters here.
#[derive(Debug, PartialEq)]
struct Request<'a> {
    is_put: bool,
    name: &'a str,
    len: u64,
}

impl<'a> Request<'a> {
    fn parse(head: &'a str) -> Option<Self> {
        let (line, fields) = head.split_once("\r\n")?;
        let mut words = line.split(' ');
        let is_put = match words.next()? {
            "PUT" => true,
            "GET" => false,
            _ => return None,
        };
        let name =
            words.next()?.strip_prefix('/').filter(|name| !name.contains('/') && !name.contains(".."))?;
        let fields = fields.split("\r\n").filter_map(|line| line.split_once(':'));
        let mut lens = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let len = lens.next().map_or(Some(0), |(_, len)| len.trim().parse().ok())?;
        Some(Self { is_put, name, len })
    }
}

/// One pipe full. `None` when the socket has nothing; the pipe is empty, so it is not what is full.
fn receive(
    socket: &TcpStream,
    file: &File,
    offset: u64,
    end: u64,
    (out, into): &(OwnedFd, OwnedFd),
) -> Result<Option<usize>> {
    let room = usize::try_from(end - offset).map_or(PIPE_LEN, |left| left.min(PIPE_LEN));
    let filling = || splice(socket, None, into, None, room, SpliceFlags::NONBLOCK);
    let Some(len) = ready(uninterrupted(filling))? else { return Ok(None) };
    let mut written = 0;
    while written < len {
        let at = Some(offset + written as u64);
        let draining = || splice(out, None, file, at, len - written, SpliceFlags::empty());
        written += uninterrupted(draining)?;
    }
    Ok(Some(len))
}

/// A peer may hang up with an answer unread.
fn unless_gone(error: anyhow::Error) -> Result<Standing> {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    if matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) {
        return Ok(Standing::Ended);
    }
    Err(error)
}

/// `None` for what is not ready yet.
fn ready<T>(outcome: Result<T, impl Into<io::Error>>) -> io::Result<Option<T>> {
    match outcome.map_err(Into::into) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

const LISTENER: u64 = 0;

const EVENT_COUNT: usize = 256;

/// At a time. With 1 MiB a GiB took up to 1.4 times the CPU time, and with all that is left 1.3 to 1.8 times: what a call
/// cannot send all of waits in the socket for more, as with `MSG_MORE`.
const SEND_LEN_MAX: usize = 256 << 10;

const HEAD_LEN_MAX: usize = 4 << 10;

/// The most that a pipe may hold without privileges; see pipe(7).
const PIPE_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
