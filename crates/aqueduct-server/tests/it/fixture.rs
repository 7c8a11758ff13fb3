//! A server on a port of its own, with a store of its own, and peers.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_server::{Control, Options, RunError, Server};
use aqueduct_store::{Absent, Store, SyncPolicy};
use rustix::fs::{Advice, fadvise};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use tempfile::TempDir;

/// A server that runs. It is stopped when this is dropped, and must then end well.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    running: Option<JoinHandle<Result<(), RunError>>>,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A server with other options than the usual.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::over(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), SyncPolicy::Full, change)
    }

    /// A server over what a directory has.
    pub(crate) fn over(directory: TempDir, sync: SyncPolicy, change: impl FnOnce(&mut Options)) -> Self {
        Self::of(directory, aqueduct_store::Options { sync, ..Default::default() }, change)
    }

    /// A server over a store that is run in another way than the usual.
    pub(crate) fn of(
        directory: TempDir,
        store_options: aqueduct_store::Options,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let store = Store::open(directory.path(), Absent::Make, store_options).unwrap();
        Self::serving(store, directory, change)
    }

    /// A server of a store, and a directory that lives as long.
    pub(crate) fn serving(store: Store, directory: TempDir, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            reactors: NonZeroUsize::new(2).unwrap(),
            ..Options::default()
        };
        change(&mut options);
        let server = Server::bind(store, options).unwrap();
        let (address, control) = (server.addresses()[0], server.control());
        let running = Some(std::thread::spawn(move || server.run()));
        Self { address, control, running, directory }
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: &str) -> Reply {
        let mut peer = self.connect();
        peer.say(request);
        peer.reply()
    }

    /// Stores a blob.
    pub(crate) fn put(&self, bytes: &[u8]) -> Digest {
        let digest = digest(bytes);
        let mut peer = self.connect();
        peer.say(&format!(
            "PUT /blobs/{digest} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        ));
        peer.say_bytes(bytes);
        assert_eq!(peer.reply().status, 201);
        digest
    }

    /// Whether a blob can be had.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        let mut peer = self.connect();
        peer.say(&format!("HEAD /blobs/{digest} HTTP/1.0\r\n\r\n"));
        peer.head().status == 200
    }

    /// Takes a blob, which is on the medium, out of the page cache.
    pub(crate) fn cool(&self, digest: &Digest) {
        let hex = digest.hex();
        let path = self.root().join("blobs").join(digest.algorithm().name()).join(&hex[..2]).join(&hex[2..]);
        fadvise(File::open(path).unwrap(), 0, None, Advice::DontNeed).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Another server over what the store of this one has, which has ended.
    pub(crate) fn again(mut self, change: impl FnOnce(&mut Options)) -> Self {
        let directory =
            std::mem::replace(&mut self.directory, TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        Self::over(directory, SyncPolicy::Full, change)
    }

    /// Waits until a server that was told to stop has.
    pub(crate) fn ended(&mut self) -> Result<(), RunError> {
        self.running.take().unwrap().join().unwrap()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.control.stop();
        if let Some(running) = self.running.take() {
            let ended = running.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}

/// A client that says what it likes.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// What arrived and was not looked at yet.
    ahead: Vec<u8>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// One that comes from another address than its own machine's usual.
    pub(crate) fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Self {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddr::from((source, 0))).unwrap();
        connect(&socket, &address).unwrap();
        Self::new(socket.into())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes());
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next reply, with as much body as its head announces.
    pub(crate) fn reply(&mut self) -> Reply {
        let reply = self.head();
        let len = reply.field("Content-Length").map_or(0, |len| len.parse().unwrap());
        let body = self.take(len);
        Reply { body, ..reply }
    }

    /// The head of the next reply alone, for answers to HEAD, and for bodies that a test reads by itself.
    pub(crate) fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(place) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break place + 4;
            }
            assert!(
                self.read_more() > 0,
                "the server closed in a head: {:?}",
                String::from_utf8_lossy(&self.ahead)
            );
        };
        let head = String::from_utf8(self.take(end)).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        Reply { status, head, body: Vec::new() }
    }

    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        while self.ahead.len() < len {
            assert!(self.read_more() > 0, "the server closed {} bytes early", len - self.ahead.len());
        }
        self.ahead.drain(..len).collect()
    }

    /// Waits for the end; what comes before it is returned.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        while self.read_more() > 0 {}
        self.ahead
    }

    /// The server closed, and said nothing more.
    pub(crate) fn assert_closed(self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// No more will be said, and answers are still wanted.
    pub(crate) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn read_more(&mut self) -> usize {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(len) => {
                self.ahead.extend_from_slice(&buffer[..len]);
                len
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!(
                    "the server said nothing for {PATIENCE:?}; before: {:?}",
                    String::from_utf8_lossy(&self.ahead)
                )
            }
            Err(error) => panic!("{error}; before: {:?}", String::from_utf8_lossy(&self.ahead)),
        }
    }
}

impl Reply {
    /// The value of a field that is there once.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields(name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {}", self.head);
        value
    }

    /// The values of all fields of a name.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(move |line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// This is a problem of that name, and says so in every way.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, name: &str) -> serde_json::Value {
        assert_eq!(self.status, status, "{}{}", self.head, self.text());
        assert_eq!(self.field("Content-Type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:aqueduct:problem:{name}"));
        assert_eq!(problem["status"], status);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.ends_with('.') || detail.len() > 10, "{detail:?} is no sentence");
        problem
    }
}

pub(crate) fn digest_by(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish().digest
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    digest_by(Algorithm::Sha256, bytes)
}

/// Bytes without a period that a wrong offset could hide behind.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|offset| offset.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

/// Every file below a store, by its path.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// Far longer than anything here takes on a busy machine: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receive buffer that a large reply does not fit, and that still holds a segment of the loopback's 64 KiB: with a
/// smaller one TCP waits for its timers.
pub(crate) const SMALL: usize = 128 << 10;
