//! A client that takes next to no time itself: it asks, and drops what comes.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// A connection that is kept.
pub(in crate::bench) struct Stream {
    socket: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Stream {
    /// Connects to `http://ADDRESS:PORT`.
    pub(in crate::bench) fn connect(address: &str) -> Result<Self> {
        let host = address.strip_prefix("http://").context("an address begins so")?.to_owned();
        let socket = TcpStream::connect(&host).with_context(|| host.clone())?;
        Ok(Self { socket, host, buffer: vec![0; BUFFER_LEN] })
    }

    /// Asks for `target`, and answers how many bytes came.
    pub(in crate::bench) fn drain(&mut self, target: &str) -> Result<u64> {
        // In one piece: half a request would wait for the server to acknowledge the other half.
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.socket.write_all(request.as_bytes())?;
        let mut filled = 0;
        let (head_len, size) = loop {
            ensure!(filled < self.buffer.len(), "a head of {filled} bytes");
            let len = self.socket.read(&mut self.buffer[filled..])?;
            ensure!(len > 0, "closed in the middle of a head");
            filled += len;
            let text = String::from_utf8_lossy(&self.buffer[..filled.min(HEAD_LEN_MAX)]);
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                break (head.len() + 4, parse_size(head).with_context(|| format!("answered: {head}"))?);
            }
        };
        let mut left = size.checked_sub((filled - head_len) as u64).context("more than was promised")?;
        while left > 0 {
            let len = usize::try_from(left).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
            match self.socket.read(&mut self.buffer[..len])? {
                0 => bail!("closed with {left} bytes to come"),
                len => left -= len as u64,
            }
        }
        Ok(size)
    }
}

/// The length that a head of status 200 promises.
fn parse_size(head: &str) -> Option<u64> {
    let (first, fields) = head.split_once("\r\n")?;
    first.starts_with("HTTP/1.1 200 ").then_some(())?;
    let lines = fields.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut sizes = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    sizes.next()?.1.trim().parse().ok()
}

/// Small enough for a core's second cache, where what comes is copied to.
const BUFFER_LEN: usize = 256 << 10;

const HEAD_LEN_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests;
