//! Requests that two programs could read in two ways. Each must be refused, and nothing behind it heard.

use std::io::Write;
use std::net::Shutdown;

use anyhow::{Result, ensure};

use super::rude::{Rude, read_all};

pub(super) fn try_one(rude: &mut Rude) -> Result<()> {
    let index = usize::try_from(rude.dice.number() % HEADS.len() as u64)?;
    let head = HEADS[index];
    let mut stream = rude.connect()?;
    // Behind it what an attacker would like to have heard.
    stream.write_all(format!("{head}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let said = String::from_utf8_lossy(&read_all(&mut stream)).into_owned();
    let statuses: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    let is_refused =
        matches!(statuses[..], [status] if status.starts_with("400") || status.starts_with("501"));
    ensure!(is_refused, "{head:?} was answered: {said}");
    Ok(())
}

const HEADS: [&str; 14] = [
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4, 40\r\n\r\nabcd",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: +4\r\n\r\nabcd",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x4\r\n\r\nabcd",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length : 4\r\n\r\nabcd",
    "POST /blobs HTTP/1.1\nHost: localhost\nContent-Length: 4\n\nabcd",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nX: y\r\n Content-Length: 4\r\n\r\n",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST /blobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
    "POST /blobs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: 127.0.0.1\r\n\r\n",
];
