//! A client that takes next to no time itself: it asks, and throws away what comes without looking at it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags};

/// A connection that is kept.
pub(super) struct Stream {
    socket: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

/// What a PUT brings.
pub(super) enum Body<'a> {
    Bytes(&'a [u8]),
    /// All of a file of so many bytes, by sendfile(2).
    File(&'a File, u64),
}

/// How an answer began; its body has been thrown away.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Of the body.
    pub(super) len: u64,
    head: String,
}

impl Stream {
    /// Connects to `http://ADDRESS:PORT`.
    pub(super) fn connect(address: &str) -> Result<Self> {
        let host = address.strip_prefix("http://").context("an address begins so")?.to_owned();
        let socket = TcpStream::connect(&host).with_context(|| host.clone())?;
        // A head and its body may leave in two pieces, and the second must not wait for the first.
        socket.set_nodelay(true)?;
        Ok(Self { socket, host, buffer: vec![0; BUFFER_LEN] })
    }

    /// The connection alone, which takes no memory here.
    pub(super) fn into_socket(self) -> TcpStream {
        self.socket
    }

    /// Asks for all of `target`, and answers how many bytes came.
    pub(super) fn drain(&mut self, target: &str) -> Result<u64> {
        let answer = self.ask("GET", target, "", SendFlags::empty())?.answer()?;
        ensure!(answer.status == 200, "GET {target}: {}", answer.head);
        Ok(answer.len)
    }

    /// Asks for a part of `target`, and insists that it gets that.
    pub(super) fn drain_range(&mut self, target: &str, range: Range<u64>) -> Result<()> {
        let field = format!("Range: bytes={}-{}\r\n", range.start, range.end - 1);
        let answer = self.ask("GET", target, &field, SendFlags::empty())?.answer()?;
        let is_right = answer.status == 206 && answer.len == range.end - range.start;
        ensure!(is_right, "GET {target}, {range:?}: {}", answer.head);
        Ok(())
    }

    /// Stores `body` under `target`.
    pub(super) fn put(&mut self, target: &str, body: &Body<'_>) -> Result<()> {
        let len = match body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(_, size) => *size,
        };
        let more = if len == 0 { SendFlags::empty() } else { SendFlags::MORE };
        self.ask("PUT", target, &format!("Content-Length: {len}\r\n"), more)?;
        match body {
            Body::Bytes(bytes) => self.socket.write_all(bytes)?,
            Body::File(file, size) => self.send(file, *size)?,
        }
        let answer = self.answer()?;
        ensure!((200..300).contains(&answer.status), "PUT {target}: {}", answer.head);
        Ok(())
    }

    /// Begins something at `target`, and answers where the server says that it is to be gone on with.
    pub(super) fn post(&mut self, target: &str) -> Result<String> {
        let answer = self.ask("POST", target, "Content-Length: 0\r\n", SendFlags::empty())?.answer()?;
        let location = field(&answer.head, "location").with_context(|| answer.head.clone())?;
        Ok(location.strip_prefix(&format!("http://{}", self.host)).unwrap_or(location).to_owned())
    }

    /// In one piece: half a request would wait for the server to acknowledge the other half.
    fn ask(&mut self, method: &str, target: &str, fields: &str, flags: SendFlags) -> Result<&mut Self> {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.host);
        let sent = retry_on_intr(|| rustix::net::send(&self.socket, head.as_bytes(), flags))?;
        ensure!(sent == head.len(), "a head of {} bytes does not fit into the socket's buffer", head.len());
        Ok(self)
    }

    fn send(&self, file: &File, size: u64) -> Result<()> {
        let mut offset = 0;
        while offset < size {
            let len = usize::try_from(size - offset)?;
            let sent = retry_on_intr(|| rustix::fs::sendfile(&self.socket, file, Some(&mut offset), len))?;
            ensure!(sent > 0, "the file ends at {offset}");
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut filled = 0;
        let (head_len, head) = loop {
            ensure!(filled < HEAD_LEN_MAX, "a head of more than {filled} bytes");
            let len = self.socket.read(&mut self.buffer[filled..HEAD_LEN_MAX])?;
            ensure!(len > 0, "closed in the middle of a head");
            filled += len;
            if let Some(at) = self.buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break (at + 4, String::from_utf8_lossy(&self.buffer[..at]).into_owned());
            }
        };
        let status = parse_status(&head).with_context(|| format!("answered: {head}"))?;
        let len = parse_len(&head).with_context(|| format!("answered: {head}"))?;
        let mut left = len.checked_sub((filled - head_len) as u64).context("more than was promised")?;
        while left > 0 {
            let room = usize::try_from(left).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
            // With this flag nothing is copied, see tcp(7): what comes costs this end as little as it can.
            let discard = || rustix::net::recv(&self.socket, &mut self.buffer[..room], RecvFlags::TRUNC);
            match retry_on_intr(discard)?.1 {
                0 => bail!("closed with {left} bytes to come"),
                len => left -= len as u64,
            }
        }
        Ok(Answer { status, len, head })
    }
}

fn parse_status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The length that a head promises. An answer of status 204 has no body, and need not say so.
fn parse_len(head: &str) -> Option<u64> {
    match field(head, "content-length") {
        Some(len) => len.parse().ok(),
        None => (parse_status(head) == Some(204)).then_some(0),
    }
}

fn field<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    fields.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value.trim()))
}

/// So much is thrown away at a time; no page of it is touched beyond a head.
const BUFFER_LEN: usize = 1 << 20;

const HEAD_LEN_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests;
