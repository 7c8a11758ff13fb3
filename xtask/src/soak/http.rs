//! A connection that speaks HTTP as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use serde_json::Value;

pub(super) struct Http {
    stream: BufReader<TcpStream>,
    host: String,
}

/// What a server answered.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Http {
    pub(super) fn connect(host: &str, source: Option<Ipv4Addr>) -> Result<Self> {
        let stream = stream(host, source)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    /// Asks, and hears the answer. `fields` are whole lines.
    pub(super) fn ask(&mut self, method: &str, target: &str, fields: &str, body: &[u8]) -> Result<Reply> {
        let mut said = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{fields}", self.host).into_bytes();
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            said.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        said.extend_from_slice(b"\r\n");
        said.extend_from_slice(body);
        let what = || format!("{method} {target} of {} bytes", body.len());
        self.say(&said).with_context(what)?;
        self.reply(method != "HEAD").with_context(what)
    }

    /// Stores a blob, and answers its digest.
    pub(super) fn post(&mut self, bytes: &[u8]) -> Result<String> {
        let reply = self.ask("POST", "/blobs", "", bytes)?;
        ensure!(matches!(reply.status, 200 | 201), "answered: {}", reply.head);
        let json = reply.json()?;
        ensure!(json["size"].as_u64() == Some(bytes.len() as u64), "answered: {json}");
        Ok(json["digest"].as_str().context("no digest")?.to_owned())
    }

    /// The same in chunks of so many bytes.
    pub(super) fn post_in_chunks(&mut self, bytes: &[u8], chunk_len: usize) -> Result<String> {
        let mut said =
            format!("POST /blobs HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", self.host);
        self.say(said.as_bytes())?;
        for chunk in bytes.chunks(chunk_len) {
            said = format!("{:x}\r\n", chunk.len());
            self.say(&[said.as_bytes(), chunk, b"\r\n"].concat())?;
        }
        self.say(b"0\r\n\r\n")?;
        let reply = self.reply(true)?;
        ensure!(matches!(reply.status, 200 | 201), "answered: {}", reply.head);
        Ok(reply.json()?["digest"].as_str().context("no digest")?.to_owned())
    }

    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    pub(super) fn reply(&mut self, has_body: bool) -> Result<Reply> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(self.stream.read_line(&mut head)? > 0, "closed in a head: {head:?}");
        }
        let status = head.get(9..12).and_then(|status| status.parse().ok()).with_context(|| head.clone())?;
        let mut reply = Reply { status, head, body: Vec::new() };
        let len = reply.field("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        if has_body {
            reply.body.resize(len, 0);
            self.stream.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }
}

impl Reply {
    pub(super) fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "expected {status}, and was answered: {}{}",
            self.head,
            String::from_utf8_lossy(&self.body[..self.body.len().min(1000)])
        );
        Ok(self)
    }

    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| self.head.clone())
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A connection to `host`, from another address of this machine if one is given.
pub(super) fn stream(host: &str, source: Option<Ipv4Addr>) -> Result<TcpStream> {
    let stream = match source {
        None => TcpStream::connect(host)?,
        Some(source) => {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            bind(&socket, &SocketAddr::from((source, 0)))?;
            connect(&socket, &host.parse::<SocketAddr>()?)?;
            socket.into()
        }
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What is silent for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);
