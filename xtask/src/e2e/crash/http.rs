//! As much of HTTP/1.1 as a client needs that is there when the server dies.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One connection to a server, made when it is needed.
pub(super) struct Http {
    host: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What is sent behind a head.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Nothing,
    /// With its length.
    Whole(&'a [u8]),
    /// In chunks of this length.
    Chunked(&'a [u8], usize),
}

/// What was answered.
pub(super) struct Reply {
    pub(super) status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Http {
    /// To `HOST:PORT`.
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), stream: None }
    }

    /// Asks, and waits for the answer. After an error the next one is asked on a new connection.
    pub(super) fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: Body<'_>,
    ) -> io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(&self.host)?,
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match body {
            Body::Nothing => {}
            Body::Whole(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
            Body::Chunked(..) => head.push_str("Transfer-Encoding: chunked\r\n"),
        }
        head.push_str("\r\n");
        let socket = stream.get_mut();
        match body {
            Body::Nothing => socket.write_all(head.as_bytes())?,
            // In one write, so that what is small comes whole with its head.
            Body::Whole(bytes) => socket.write_all(&[head.as_bytes(), bytes].concat())?,
            Body::Chunked(bytes, len) => {
                socket.write_all(head.as_bytes())?;
                for chunk in bytes.chunks(len) {
                    let line = format!("{:x}\r\n", chunk.len());
                    socket.write_all(&[line.as_bytes(), chunk, b"\r\n"].concat())?;
                }
                socket.write_all(b"0\r\n\r\n")?;
            }
        }
        let reply = read_reply(&mut stream, method == "HEAD")?;
        if reply.field("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

impl Reply {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
    }
}

fn connect(host: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn read_reply(stream: &mut impl BufRead, is_head: bool) -> io::Result<Reply> {
    let line = read_line(stream)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(|| odd(&line))?;
    let mut fields = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| odd(&line))?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, fields, body: Vec::new() };
    if !is_head && status != 204 {
        let len = reply.field("content-length").and_then(|len| len.parse().ok());
        let len: usize = len.ok_or_else(|| odd("an answer without a length"))?;
        reply.body = vec![0; len];
        stream.read_exact(&mut reply.body)?;
    }
    Ok(reply)
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.take(LINE_LEN_MAX).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None if !line.ends_with('\n') => Err(ErrorKind::UnexpectedEof.into()),
        None => Err(odd(&line)),
    }
}

fn odd(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not as HTTP has it: {what}"))
}

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const LINE_LEN_MAX: u64 = 16 << 10;

#[cfg(test)]
mod tests;
