//! What is asked of a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

use crate::filler::Filler;
use crate::server::Server;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// A small blob that is in memory.
    GetSmall,
    /// The same, asked for 16 times at once.
    GetPipelined,
    /// A blob that leaves by sendfile(2) in one turn.
    GetLarge,
    /// A small blob that is not there yet.
    PutSmall,
}

impl Workload {
    pub(super) const ALL: [Self; 4] = [Self::GetSmall, Self::GetPipelined, Self::GetLarge, Self::PutSmall];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::GetSmall => "get-4-kib",
            Self::GetPipelined => "get-4-kib-pipelined",
            Self::GetLarge => "get-1-mib",
            Self::PutSmall => "put-4-kib",
        }
    }

    /// How many are asked: enough that what a server does now and then does not count.
    pub(super) fn count(self) -> u32 {
        match self {
            Self::GetSmall => 1000,
            Self::GetPipelined => 4000,
            Self::GetLarge => 200,
            Self::PutSmall => 400,
        }
    }
}

/// A connection to a server that has one blob of each size, and was asked for both.
pub(super) struct Asking {
    stream: BufReader<TcpStream>,
    host: String,
    small: String,
    large: String,
    body: Vec<u8>,
}

impl Asking {
    pub(super) fn begin(server: &Server) -> Result<Self> {
        let stream = TcpStream::connect(server.host()).with_context(|| server.host().to_owned())?;
        // Otherwise what is said in two pieces would wait for the first to be acknowledged.
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(BUFFER_LEN, stream);
        let (small, large) = (String::new(), String::new());
        let mut asking = Self { stream, host: server.host().to_owned(), small, large, body: Vec::new() };
        asking.small = asking.post(1, SMALL_LEN)?;
        asking.large = asking.post(2, LARGE_LEN)?;
        for target in [asking.small.clone(), asking.large.clone()] {
            asking.say(asking.get(&target).as_bytes())?;
            asking.reply()?;
        }
        Ok(asking)
    }

    /// Asks as often as the workload is to be asked for.
    pub(super) fn ask(&mut self, workload: Workload) -> Result<()> {
        let (small, large) = (self.get(&self.small), self.get(&self.large));
        let together = small.repeat(TOGETHER_COUNT as usize);
        for number in 0..workload.count() {
            match workload {
                Workload::GetSmall => self.say(small.as_bytes())?,
                Workload::GetPipelined if number % TOGETHER_COUNT == 0 => self.say(together.as_bytes())?,
                Workload::GetPipelined => {}
                Workload::GetLarge => self.say(large.as_bytes())?,
                Workload::PutSmall => {
                    self.post(u64::from(number) + 3, SMALL_LEN)?;
                    continue;
                }
            }
            self.reply()?;
        }
        Ok(())
    }

    fn get(&self, target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host)
    }

    /// Stores bytes that are of this number, and answers where they are to be had.
    fn post(&mut self, number: u64, len: usize) -> Result<String> {
        let head = format!("POST /blobs HTTP/1.1\r\nHost: {}\r\nContent-Length: {len}\r\n\r\n", self.host);
        let mut said = head.into_bytes();
        let head_len = said.len();
        said.resize(head_len + len, 0);
        Filler::new(number).fill(&mut said[head_len..]);
        self.say(&said)?;
        let head = self.reply()?;
        let target = field(&head, "location").with_context(|| format!("answered: {head}"))?;
        Ok(target.to_owned())
    }

    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Reads a reply to its end, and answers its head.
    fn reply(&mut self) -> Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(self.stream.read_line(&mut head)? > 0, "closed in a head: {head}");
        }
        ensure!(head.starts_with("HTTP/1.1 20"), "answered: {head}");
        let len = field(&head, "content-length").and_then(|len| len.parse().ok());
        self.body.resize(len.with_context(|| format!("answered: {head}"))?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(head)
    }
}

/// The value of a field of a head.
fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

const SMALL_LEN: usize = 4 << 10;

/// More than is kept in memory, and little enough to fit into the sockets' buffers: how often a server waits for a peer
/// depends on the machine.
const LARGE_LEN: usize = 1 << 20;

/// How many requests are in one piece.
const TOGETHER_COUNT: u32 = 16;

const BUFFER_LEN: usize = 256 << 10;
