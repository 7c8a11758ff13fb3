//! A mixed load on a server, which may be killed at any moment: each blob belongs to one client, so what was promised of
//! it is known.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};

use super::breach::Breach;
use super::contents::Content;
use super::history::{History, Known};
use super::http::{Body, Http};
use super::native::Native;
use super::pieces::Pieces;
use crate::filler::Filler;

/// The clients and what they know, through any number of servers over one store.
pub(super) struct Load<'a> {
    /// The client.
    pub(super) program: &'a Path,
    /// Of [`SIZES`].
    pub(super) contents: &'a [Content],
    /// Of the contents, in their order.
    pub(super) histories: Vec<History>,
    pub(super) pieces: Pieces,
    /// The moment that it is.
    pub(super) now: &'a (dyn Fn() -> u64 + Sync),
    begun: Mutex<u64>,
    changed: Condvar,
    is_over: AtomicBool,
}

/// Why a client stops.
pub(super) enum Trouble {
    /// The connection broke, which is right where the server was killed.
    Broken(Error),
    Wrong(Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        // What does not read as an answer was not cut off: it is wrong.
        if error.kind() == io::ErrorKind::InvalidData {
            Self::Wrong(error.into())
        } else {
            Self::Broken(error.into())
        }
    }
}

impl From<Breach> for Trouble {
    fn from(breach: Breach) -> Self {
        Self::Wrong(breach.into())
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl<'a> Load<'a> {
    pub(super) fn new(program: &'a Path, contents: &'a [Content], now: &'a (dyn Fn() -> u64 + Sync)) -> Self {
        Self {
            program,
            contents,
            histories: contents.iter().map(|_| History::default()).collect(),
            pieces: Pieces::default(),
            now,
            begun: Mutex::new(0),
            changed: Condvar::new(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Lets all clients ask the server at `host` until `count` things were begun, and then calls `end`, which may kill it.
    /// Answers how many were begun in all.
    pub(super) fn run(
        &self,
        host: &str,
        seed: u64,
        count: u64,
        end: impl FnOnce() -> Result<()>,
    ) -> Result<u64> {
        self.is_over.store(false, Ordering::SeqCst);
        *self.begun() = 0;
        thread::scope(|scope| {
            let mut clients = Vec::new();
            for (place, share) in HTTP_SHARES.iter().enumerate() {
                let seed = seed.wrapping_add(place as u64);
                clients.push(scope.spawn(move || self.http(host, share, seed)));
            }
            clients.push(scope.spawn(move || Native::new(self, host, seed).run()));
            clients.push(scope.spawn(move || self.pieces.run(self, host, seed)));
            let is_reached = self.wait_for(count);
            // From here on a broken connection is what was to be expected.
            self.is_over.store(true, Ordering::SeqCst);
            let ended = end();
            for client in clients {
                client.join().map_err(|_| anyhow!("a client panicked"))??;
            }
            ended?;
            ensure!(is_reached, "the clients do not get on");
            Ok(*self.begun())
        })
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> u64 {
        (self.now)()
    }

    /// Something was begun.
    pub(super) fn count(&self) {
        *self.begun() += 1;
        self.changed.notify_all();
    }

    /// The end of a client that had this trouble.
    pub(super) fn end(&self, trouble: Trouble) -> Result<()> {
        match trouble {
            Trouble::Broken(_) if !self.goes_on() => Ok(()),
            Trouble::Broken(error) => Err(error.context("the connection broke while the server lived")),
            Trouble::Wrong(error) => {
                // The others need not go on.
                self.is_over.store(true, Ordering::SeqCst);
                self.changed.notify_all();
                Err(error)
            }
        }
    }

    fn begun(&self) -> MutexGuard<'_, u64> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(&self, count: u64) -> bool {
        let is_left = |begun: &mut u64| *begun < count && self.goes_on();
        let waited = self.changed.wait_timeout_while(self.begun(), PATIENCE, is_left);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// A client that speaks HTTP, about its share of the contents.
    fn http(&self, host: &str, share: &Range<usize>, seed: u64) -> Result<()> {
        let mut http = Http::new(host);
        let mut random = Filler::new(seed);
        while self.goes_on() {
            let index = pick(&mut random, share);
            self.count();
            if let Err(trouble) = self.act(&mut http, index, random.number() >> 32) {
                return self.end(trouble).with_context(|| {
                    format!("{} of {} bytes", self.contents[index].digest, self.contents[index].bytes.len())
                });
            }
        }
        Ok(())
    }

    fn act(&self, http: &mut Http, index: usize, chance: u64) -> Result<(), Trouble> {
        let Content { digest, bytes, .. } = &self.contents[index];
        let target = format!("/blobs/{digest}");
        match chance % 16 {
            0..=3 => self.put(http, index, "PUT", &target, Body::Whole(bytes)),
            4..=5 => self.put(http, index, "PUT", &target, Body::Chunked(bytes, CHUNK_LEN)),
            6 => self.put(http, index, "POST", "/blobs", Body::Whole(bytes)),
            7..=9 => self.look(http, index, &target, None),
            10 => {
                let from = (chance >> 4) % (bytes.len() as u64 + 1);
                self.look(http, index, &target, usize::try_from(from).ok().filter(|from| *from < bytes.len()))
            }
            11 => self.ask(http, index),
            12 => {
                let reply = http.ask("GET", "/blobs?limit=10", &[], Body::Nothing)?;
                ensure_status(reply.status, &[200], "list")
            }
            _ => self.remove(http, index),
        }
    }

    fn put(
        &self,
        http: &mut Http,
        index: usize,
        method: &str,
        target: &str,
        body: Body<'_>,
    ) -> Result<(), Trouble> {
        let known = self.histories[index].known(self.now());
        self.histories[index].begin(Known::Present, self.now());
        let reply = http.ask(method, target, &[], body)?;
        let expected: &[u16] = match known {
            Known::Present => &[200],
            Known::Absent => &[201],
            Known::Either => &[200, 201],
        };
        ensure_status(reply.status, expected, "put")?;
        self.histories[index].end(self.now());
        Ok(())
    }

    /// Removes a blob.
    pub(super) fn remove(&self, http: &mut Http, index: usize) -> Result<(), Trouble> {
        let known = self.histories[index].known(self.now());
        self.histories[index].begin(Known::Absent, self.now());
        let reply =
            http.ask("DELETE", &format!("/blobs/{}", self.contents[index].digest), &[], Body::Nothing)?;
        ensure_status(reply.status, statuses(known, 204), "delete")?;
        self.histories[index].end(self.now());
        Ok(())
    }

    /// Gets a blob, or all of it from a byte on.
    fn look(&self, http: &mut Http, index: usize, target: &str, from: Option<usize>) -> Result<(), Trouble> {
        let range = from.map(|from| format!("bytes={from}-"));
        let fields: Vec<_> = range.iter().map(|range| ("Range", range.as_str())).collect();
        let reply = http.ask("GET", target, &fields, Body::Nothing)?;
        let good = if from.is_some() { 206 } else { 200 };
        ensure_status(reply.status, statuses(self.histories[index].known(self.now()), good), "get")?;
        if reply.status == good && reply.body != self.contents[index].bytes[from.unwrap_or(0)..] {
            return Err(Breach("wrong bytes are served".into()).into());
        }
        Ok(())
    }

    /// Asks whether it is there.
    fn ask(&self, http: &mut Http, index: usize) -> Result<(), Trouble> {
        let digest = &self.contents[index].digest;
        let question = format!("{{\"digests\":[\"{digest}\"]}}");
        let reply = http.ask("POST", "/blobs/missing", &[], Body::Whole(question.as_bytes()))?;
        ensure_status(reply.status, &[200], "missing")?;
        let is_missing = String::from_utf8_lossy(&reply.body).contains(digest.as_str());
        let wrong = if is_missing { Known::Present } else { Known::Absent };
        if self.histories[index].known(self.now()) == wrong {
            return Err(Breach(format!("missing: {is_missing}, and it is {wrong:?}")).into());
        }
        Ok(())
    }
}

pub(super) fn pick(random: &mut Filler, share: &Range<usize>) -> usize {
    let chance = usize::try_from(random.number() >> 33).expect("31 bits");
    share.start + chance % share.len()
}

pub(super) fn ensure_status(status: u16, expected: &[u16], what: &str) -> Result<(), Trouble> {
    if expected.contains(&status) {
        return Ok(());
    }
    Err(anyhow!("{what}: answered {status}, where {expected:?} is right").into())
}

/// What may be answered where `good` is the answer if the blob is there.
fn statuses(known: Known, good: u16) -> &'static [u16] {
    match (known, good) {
        (Known::Absent, _) => &[404],
        (Known::Present, 200) => &[200],
        (Known::Present, 204) => &[204],
        (Known::Present, _) => &[206],
        (Known::Either, 200) => &[200, 404],
        (Known::Either, 204) => &[204, 404],
        (Known::Either, _) => &[206, 404],
    }
}

/// The sizes of all contents: nothing at all, what fits with its head into a segment of the network, what is answered
/// from memory and what is not, and what has several segments.
pub(super) const SIZES: &[usize] = &[
    // Of the three clients that speak HTTP.
    0, 17, 4096, 5_000, 65_536, 65_537, 200_001, 1_200_000, 6_000_011, 1, 900, 4097, 9_999, 30_000, 70_001,
    300_001, 1_048_576, 4_194_305, 2, 100, 8192, 8_193, 20_000, 90_002, 131_072, 700_000, 4_194_304,
    // Of the one that speaks the native protocol.
    3, 50, 1_000, 4_095, 6_000, 7_777, 60_000, 100_003, 400_000, 9_000_001,
    // Of the one that sends pieces: one that is on its way for long, and one that ends with a whole segment.
    25_000_003, 8_388_608,
];

const HTTP_SHARES: &[Range<usize>] = &[0..9, 9..18, 18..27];

pub(super) const NATIVE_SHARE: Range<usize> = 27..37;

pub(super) const PIECES_SHARE: Range<usize> = 37..39;

const CHUNK_LEN: usize = 50_000;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
