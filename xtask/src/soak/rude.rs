//! Peers that break off, flood, lie and send garbage, all at once, and begin anew at once.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::net::sockopt::set_socket_linger;

use super::http::{Http, stream};
use super::stop::Stop;
use super::{holder, lies, smuggling, tus};
use crate::filler::Filler;

/// One who is rude in one way.
pub(super) struct Rude {
    pub(super) host: String,
    pub(super) source: Ipv4Addr,
    large: String,
    pub(super) dice: Filler,
}

type Way = fn(&mut Rude) -> Result<()>;

/// Is rude in all ways until it is told to stop, and answers how often.
pub(super) fn run(host: &str, source: Ipv4Addr, stop: &Arc<Stop>) -> Result<String> {
    let ways: [(&str, Way); 8] = [
        ("puts broken off", Rude::break_off_put),
        ("gets broken off", Rude::break_off_get),
        ("uploads broken off", Rude::break_off_upload),
        ("half-closed", Rude::close_half),
        ("floods", Rude::flood),
        ("bursts of garbage", Rude::garbage),
        ("smuggled requests", smuggling::try_one),
        ("lying frames", lies::tell_one),
    ];
    let large = holder::large(host)?;
    let threads: Vec<_> = (1_u64..)
        .zip(ways)
        .map(|(number, (name, way))| {
            let mut rude =
                Rude { host: host.to_owned(), source, large: large.clone(), dice: Filler::new(number) };
            let stop = Arc::clone(stop);
            thread::spawn(move || {
                let mut count = 0_u64;
                while !stop.wait(PAUSE) {
                    way(&mut rude).context(name)?;
                    count += 1;
                }
                anyhow::Ok(format!("{count} {name}"))
            })
        })
        .collect();
    let mut said = Vec::new();
    for thread in threads {
        said.push(thread.join().map_err(|_| anyhow::anyhow!("it panicked"))??);
    }
    Ok(said.join(", "))
}

impl Rude {
    pub(super) fn connect(&self) -> Result<TcpStream> {
        stream(&self.host, Some(self.source))
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.dice.number() % limit as u64).unwrap_or(0)
    }

    /// Anywhere from the first byte of the head to the last of the body.
    fn break_off_put(&mut self) -> Result<()> {
        let mut said = b"POST /blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n".to_vec();
        let head_len = said.len();
        said.resize(head_len + 200_000, 7);
        let end = match self.below(2) {
            0 => self.below(head_len),
            _ => head_len + self.below(200_000),
        };
        let mut stream = self.connect()?;
        // It may be refused, and closed, before that.
        let _ = stream.write_all(&said[..end]);
        self.leave(&stream)
    }

    /// Before the reply, in its head, or anywhere in its body.
    fn break_off_get(&mut self) -> Result<()> {
        let mut stream = self.connect()?;
        let _ =
            stream.write_all(format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.large).as_bytes());
        let mut left = [0, 100, 1 << 20][self.below(3)];
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(len) => left -= len.min(left),
            }
        }
        self.leave(&stream)
    }

    /// What came of it stays until it is dropped.
    fn break_off_upload(&mut self) -> Result<()> {
        let mut http = Http::connect(&self.host, Some(self.source))?;
        let fields = format!("{}Upload-Length: 9000000\r\n", tus::VERSION);
        let begun = http.ask("POST", "/uploads", &fields, &[])?.expect(201)?;
        let place = begun.field("location").context("no place")?.to_owned();
        let octets = "Content-Type: application/offset+octet-stream\r\n";
        let mut said = format!(
            "PATCH {place} HTTP/1.1\r\nHost: localhost\r\n{}Upload-Offset: 0\r\n{octets}Content-Length: 9000000\r\n\r\n",
            tus::VERSION
        )
        .into_bytes();
        said.resize(said.len() + self.below(5_000_000), 9);
        let mut stream = self.connect()?;
        let _ = stream.write_all(&said);
        self.leave(&stream)?;
        http.ask("DELETE", &place, tus::VERSION, &[])?.expect(204)?;
        Ok(())
    }

    /// Asks, says that it is done, and leaves at once or hears the answer.
    fn close_half(&mut self) -> Result<()> {
        let mut stream = self.connect()?;
        stream.write_all(format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.large).as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        if self.below(2) == 0 {
            read_all(&mut stream);
        }
        Ok(())
    }

    /// Many requests at once, the answers to which are not read, or some of them.
    fn flood(&mut self) -> Result<()> {
        let mut stream = self.connect()?;
        stream.set_nonblocking(true)?;
        let choice = self.below(4);
        let target = ["/healthz", "/", "/blobs?limit=1", &self.large][choice];
        let one = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for _ in 0..50 {
            if stream.write_all(one.repeat(100).as_bytes()).is_err() {
                break;
            }
        }
        let _ = stream.read(&mut vec![0; self.below(1 << 20) + 1]);
        if self.below(2) == 0 {
            return self.leave(&stream);
        }
        Ok(())
    }

    fn garbage(&mut self) -> Result<()> {
        let mut stream = self.connect()?;
        let mut said = vec![0; self.below(64 << 10) + 8];
        self.dice.fill(&mut said);
        // As HTTP, as TLS, as the native protocol, or as what it is.
        let begin: &[u8] =
            [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01\x02\x00\x01", b"\x89AQDUCT\x01", b""][self.below(4)];
        let _ = stream.write_all(begin);
        let _ = stream.write_all(&said);
        let _ = stream.shutdown(Shutdown::Write);
        read_all(&mut stream);
        Ok(())
    }

    /// With a reset, or without: what was said or heard so far is all.
    fn leave(&mut self, stream: &TcpStream) -> Result<()> {
        if self.below(2) == 0 {
            set_socket_linger(stream, Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

/// What the server says until it closes, however it does.
pub(super) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // What came before an error is there all the same.
    let _ = stream.read_to_end(&mut said);
    said
}

/// Each way some dozens of times a second.
const PAUSE: Duration = Duration::from_millis(20);
