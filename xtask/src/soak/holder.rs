//! Connections that are held for as long as they can be: silent ones, heads and bodies that trickle, replies that nobody reads,
//! greetings that do not end.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::http::{Http, stream};
use super::stop::Stop;

/// How many connections one address may have of a server with so many descriptors: about a quarter of what it can take.
pub(super) fn share(descriptor_limit: usize) -> usize {
    descriptor_limit / 17
}

/// Holds as many as it gets, up to `count`, and answers what it got. It fails if that was never as many as `insisted`.
pub(super) fn run(
    host: &str,
    source: Ipv4Addr,
    count: usize,
    insisted: usize,
    stop: &Stop,
) -> Result<String> {
    let large = large(host)?;
    let mut held: Vec<Held> = Vec::new();
    let (mut most, mut opened, mut ended) = (0, 0_u64, 0_u64);
    let mut number = 0;
    while !stop.wait(TICK) {
        let before = held.len();
        held.retain_mut(Held::go_on);
        ended += (before - held.len()) as u64;
        most = most.max(held.len());
        for _ in 0..OPENED_PER_TICK.min(count - held.len()) {
            number += 1;
            // One that is refused is no reason to stop asking.
            if let Ok(connection) = Held::begin(host, source, Way::ALL[number % Way::ALL.len()], &large) {
                opened += 1;
                held.push(connection);
            }
        }
    }
    ensure!(most >= insisted, "held {most} connections at most, which is less than {insisted}");
    Ok(format!(
        "tried to hold {count} connections, held {most} at most; opened {opened}, of which {ended} were closed"
    ))
}

/// The path of a blob that does not fit into a socket.
pub(super) fn large(host: &str) -> Result<String> {
    let mut http = Http::connect(host, None)?;
    let listed = http.ask("GET", "/blobs?limit=10000", "", &[])?.expect(200)?.json()?;
    let blobs = listed["blobs"].as_array().cloned().unwrap_or_default();
    let largest = blobs.iter().max_by_key(|blob| blob["size"].as_u64());
    let digest = largest.and_then(|blob| blob["digest"].as_str()).unwrap_or_default();
    Ok(format!("/blobs/{digest}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Silent,
    Head,
    Body,
    Chunk,
    Reader,
    Greeting,
}

impl Way {
    const ALL: [Self; 6] = [Self::Silent, Self::Head, Self::Body, Self::Chunk, Self::Reader, Self::Greeting];
}

struct Held {
    stream: TcpStream,
    way: Way,
}

impl Held {
    fn begin(host: &str, source: Ipv4Addr, way: Way, large: &str) -> Result<Self> {
        let mut stream = stream(host, Some(source))?;
        if way == Way::Reader {
            rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4 << 10)?;
        }
        let put = "PUT /blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000 HTTP/1.1\r\n\
                   Host: localhost\r\n";
        let said = match way {
            Way::Silent => String::new(),
            Way::Head => "GET / HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned(),
            Way::Body => format!("{put}Content-Length: 1000000\r\n\r\nx"),
            Way::Chunk => format!("{put}Transfer-Encoding: chunked\r\n\r\nfffff\r\nx"),
            Way::Reader => format!("GET {large} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(4),
            Way::Greeting => String::new(),
        };
        stream.write_all(said.as_bytes())?;
        if way == Way::Greeting {
            stream.write_all(b"\x89AQDUCT\x01\0\0")?;
        }
        stream.set_nonblocking(true)?;
        Ok(Self { stream, way })
    }

    /// Says a byte more; false if the server has closed, or said that it will.
    fn go_on(&mut self) -> bool {
        match self.way {
            Way::Silent => {}
            Way::Reader => return !has_ended(&self.stream),
            Way::Head | Way::Body | Way::Chunk => {
                if self.stream.write_all(b"x").is_err() {
                    return false;
                }
            }
            // What was announced does not come.
            Way::Greeting => {}
        }
        let mut said = [0; 64];
        match self.stream.read(&mut said) {
            // The server greets, too.
            Ok(8) => self.way == Way::Greeting,
            Ok(_) => false,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Whether the server has closed: what it sent before is not looked at. See poll(2).
fn has_ended(stream: &TcpStream) -> bool {
    let mut looked = [PollFd::new(stream, PollFlags::RDHUP)];
    let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    poll(&mut looked, Some(&Timespec::default())).is_err() || looked[0].revents().intersects(ended)
}

const TICK: Duration = Duration::from_millis(500);

/// A hundred a second.
const OPENED_PER_TICK: usize = 50;
