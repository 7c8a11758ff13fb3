//! The other side: for each connection, in the order they come, one conversation.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_client::{Client, Options};

/// What the peer does on one connection.
pub(crate) type Conversation = Box<dyn FnOnce(&mut Talk) + Send>;

pub(crate) struct Peer {
    address: String,
    thread: Option<JoinHandle<()>>,
    /// Dropped when the test is over: whoever hangs hangs no longer.
    over: Option<Sender<()>>,
}

/// One connection of the peer's.
pub(crate) struct Talk {
    stream: TcpStream,
    /// Received behind the last request.
    rest: Vec<u8>,
    over: Receiver<()>,
}

/// A request as the peer heard it.
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Writes a conversation.
pub(crate) fn talk(conversation: impl FnOnce(&mut Talk) + Send + 'static) -> Conversation {
    Box::new(conversation)
}

impl Peer {
    /// Takes as many connections as there are conversations, and no more.
    pub(crate) fn new(conversations: Vec<Conversation>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (over, is_over) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            thread::scope(|scope| {
                let mut ends = Vec::new();
                for conversation in conversations {
                    let (stream, _) = listener.accept().unwrap();
                    // A close with something unread would throw away what waits to be sent.
                    stream.set_nodelay(true).unwrap();
                    let (end, over) = mpsc::channel();
                    ends.push(end);
                    scope.spawn(move || conversation(&mut Talk { stream, rest: Vec::new(), over }));
                }
                drop(listener);
                // Until the test is over.
                let _ = is_over.recv();
                drop(ends);
            });
        });
        Self { address, thread: Some(thread), over: Some(over) }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(quick())
    }

    pub(crate) fn client_with(&self, options: Options) -> Client {
        Client::new(self.address.parse().unwrap(), options)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Fails with whichever conversation failed, or with one that nobody came for.
    pub(crate) fn finish(mut self) {
        drop(self.over.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Talk {
    /// Hears a request, with as much body as its Content-Length says.
    pub(crate) fn hear(&mut self) -> Heard {
        let head = self.hear_head();
        let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let body = self.hear_body(length);
        Heard { head, body }
    }

    pub(crate) fn hear_body(&mut self, length: usize) -> Vec<u8> {
        while self.rest.len() < length {
            assert!(self.hear_some(), "the client closed within a body of {length} bytes");
        }
        let rest = self.rest.split_off(length);
        std::mem::replace(&mut self.rest, rest)
    }

    pub(crate) fn hear_head(&mut self) -> String {
        String::from_utf8(self.hear_until(b"\r\n\r\n")).unwrap()
    }

    fn hear_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(begin) = self.rest.windows(end.len()).position(|window| window == end) {
                let rest = self.rest.split_off(begin + end.len());
                return std::mem::replace(&mut self.rest, rest);
            }
            let so_far = self.rest.escape_ascii().to_string();
            assert!(self.hear_some(), "the client closed too early, after {so_far}");
        }
    }

    /// Hears to the end of the stream.
    pub(crate) fn hear_all(&mut self) -> Vec<u8> {
        while self.hear_some() {}
        std::mem::take(&mut self.rest)
    }

    /// Hears a body in chunks to its end.
    pub(crate) fn hear_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.hear_until(b"\r\n");
            let len = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
            while self.rest.len() < len + 2 {
                assert!(self.hear_some(), "the client closed within a chunk");
            }
            body.extend_from_slice(&self.rest[..len]);
            assert_eq!(&self.rest[len..len + 2], b"\r\n");
            self.rest.drain(..len + 2);
            if len == 0 {
                return body;
            }
        }
    }

    /// What was received and not heard yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// False at the end of the stream, which may be a reset.
    pub(crate) fn hear_some(&mut self) -> bool {
        let mut buffer = vec![0; 64 << 10];
        let len = self.stream.read(&mut buffer).unwrap_or(0);
        self.rest.extend_from_slice(&buffer[..len]);
        len > 0
    }

    /// A client that has gone hears nothing: that is its business.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Answers with a body.
    pub(crate) fn answer(&mut self, status: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        self.say(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()));
        self.say(body);
    }

    /// Says nothing more, and keeps the connection until the test is over.
    pub(crate) fn hang(&mut self) {
        let _ = self.over.recv();
    }
}

/// The value of a field.
pub(crate) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Patience for a test: long enough for a busy machine, and short where it runs out.
pub(crate) fn quick() -> Options {
    Options {
        timeout: Duration::from_secs(20),
        answer_timeout: Duration::from_secs(20),
        pause: Duration::from_millis(1),
        retry_count_max: 3,
        stream_count: NonZeroUsize::MIN,
        ..Options::default()
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().digest
}

/// What a server says that it stored.
pub(crate) fn stored(bytes: &[u8]) -> String {
    format!(r#"{{"digest":"{}","size":{}}}"#, digest_of(bytes), bytes.len())
}

/// Bytes without a pattern that a wrong offset could hide behind.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size);
    bytes
}
