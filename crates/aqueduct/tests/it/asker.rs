//! A client of HTTP that never asks twice: whatever it asks is answered, or the test fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Keeps its connection until the server announces its end.
pub(crate) struct Asker {
    address: SocketAddr,
    kept: Option<Kept>,
}

struct Kept {
    stream: BufReader<TcpStream>,
    since: Instant,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Asker {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, kept: None }
    }

    #[track_caller]
    pub(crate) fn get(&mut self, digest: &str) -> Vec<u8> {
        let Answer { status, body } = self.ask(&format!("GET /blobs/{digest}"), "", &[]);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        body
    }

    pub(crate) fn put(&mut self, digest: &str, bytes: &[u8]) -> u16 {
        self.ask(&format!("PUT /blobs/{digest}"), "", bytes).status
    }

    /// Asks once. Only on a connection on which nobody said anything for so long that the server may have closed it as idle,
    /// which a busy machine can bring about, is the question asked again on a new one.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str, fields: &str, body: &[u8]) -> Answer {
        loop {
            let mut kept = self.kept.take().unwrap_or_else(|| {
                let stream = BufReader::new(TcpStream::connect(self.address).unwrap());
                Kept { stream, since: Instant::now() }
            });
            let stream = kept.stream.get_mut();
            let len = body.len();
            let head =
                format!("{request} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {len}\r\n\r\n");
            // Sent whole or not at all, whoever is interrupted.
            let sent = stream.write_all(head.as_bytes());
            let was_idle = kept.since.elapsed() > IDLE_MAX;
            let answered = sent
                .and_then(|()| stream.write_all(body))
                .and_then(|()| kept.stream.fill_buf().map(<[u8]>::len));
            match answered {
                Ok(1..) => return self.hear(kept),
                lost => assert!(was_idle, "{request} was not answered: {lost:?}"),
            }
        }
    }

    fn hear(&mut self, mut kept: Kept) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(kept.stream.read_line(&mut head).unwrap() > 0, "the head ends: {head}");
        }
        let field = |name: &str| {
            let field = |line: &str| {
                line.split_once(": ").filter(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1.to_owned())
            };
            head.lines().find_map(field)
        };
        let status = head[9..12].parse().unwrap();
        let mut body = vec![0; field("Content-Length").map_or(0, |len| len.parse().unwrap())];
        kept.stream.read_exact(&mut body).unwrap();
        if field("Connection").is_none_or(|it| it != "close") {
            kept.since = Instant::now();
            self.kept = Some(kept);
        }
        Answer { status, body }
    }
}

/// Less than a server that stops waits for a request.
const IDLE_MAX: Duration = Duration::from_millis(250);
