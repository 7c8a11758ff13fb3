//! A TCP connection within this machine, and what is done at its other end.

use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{read, recv_discard, sendfile, write};

use crate::arm::{Course, Temperature, WrongBytes};
use crate::meter::Spent;
use crate::source::digest;

/// Two ends of a connection over loopback. Small writes leave at once, as a server's do.
pub(crate) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Lets bytes pass through the network code of every core, as far as the scheduler spreads threads over them.
///
/// What a peer has read is given back to the core that it came from, which frees it, and the pages in it, when it next
/// handles a packet (net.core.skb_defer_max in the kernel's documentation): on a core that is idle, never.
pub(crate) fn stir() -> io::Result<()> {
    let core_count = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let stirring: Vec<_> = (0..core_count).map(|_| scope.spawn(exchange)).collect();
        stirring.into_iter().try_for_each(|thread| thread.join().expect("no byte makes a panic"))
    })
}

fn exchange() -> io::Result<()> {
    let (near, far) = pair()?;
    for _ in 0..EXCHANGE_COUNT {
        uninterrupted(|| write(&near, &[0]))?;
        uninterrupted(|| read(&far, &mut [0]))?;
    }
    Ok(())
}

/// What goes over a connection before anything is measured: a congestion control begins slowly, and so does a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WarmUp {
    /// Of one file; no longer than those that are measured.
    pub(crate) len: u64,
    /// How many files.
    pub(crate) count: u64,
}

impl WarmUp {
    /// None for a trial, whose bytes are looked at, nor for what is cold and has to stay so.
    pub(crate) fn of(course: &Course<'_>) -> Self {
        if course.is_checked || course.temperature == Temperature::Cold {
            return Self { len: 0, count: 0 };
        }
        let len = course.size.clamp(1, WARM_UP_LEN);
        Self { len: len.min(course.size), count: (WARM_UP_LEN / len).min(WARM_UP_COUNT_MAX) }
    }

    /// Of all files.
    pub(crate) fn total(self) -> u64 {
        self.len * self.count
    }
}

/// A far end that takes whatever comes.
pub(crate) struct Sink {
    /// How many bytes it was given before those that count.
    warmed_len: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<(Taken, Spent)>>,
}

/// What a sink was given.
struct Taken {
    len: u64,
    /// If it looked.
    digest: Option<Digest>,
}

impl Sink {
    /// Takes until the end of the stream, without a copy; or, to be checked, hashes. The first `before` bytes do not
    /// count.
    pub(crate) fn start(socket: TcpStream, is_checked: bool, before: u64) -> Self {
        let warmed_len = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&warmed_len);
        let thread = thread::spawn(move || {
            discard(&socket, before, |len| count.store(len, Ordering::Relaxed))?;
            let take = || if is_checked { hash(&socket) } else { discard(&socket, u64::MAX, |_| {}) };
            let (taken, spent) = Spent::by(take);
            Ok((taken?, spent))
        });
        Self { warmed_len, thread }
    }

    /// Waits until so many of the bytes that do not count have arrived.
    pub(crate) fn catch_up(&self, len: u64) {
        while self.warmed_len.load(Ordering::Relaxed) < len && !self.thread.is_finished() {
            thread::yield_now();
        }
    }

    /// Ends the stream, and waits until all of it has arrived.
    pub(crate) fn finish(self, near: &TcpStream) -> io::Result<Arrived> {
        near.shutdown(Shutdown::Write)?;
        let (taken, spent) = self.thread.join().expect("a sink does not panic")?;
        Ok(Arrived { taken, cpu: spent.cpu })
    }
}

/// All that arrived at a sink.
pub(crate) struct Arrived {
    taken: Taken,
    /// Processor time of the far end.
    pub(crate) cpu: Duration,
}

impl Arrived {
    /// # Errors
    ///
    /// [`WrongBytes`] if that is not `count` times `head` and the first `size` bytes of `file`, as far as the sink looked.
    pub(crate) fn check(&self, file: &File, size: u64, count: u64, head: &[u8]) -> io::Result<()> {
        let is_right = match &self.taken.digest {
            Some(found) => *found == digest(Algorithm::Blake3, file, size, count, head)?,
            None => self.taken.len == (head.len() as u64 + size) * count,
        };
        if is_right { Ok(()) } else { Err(WrongBytes.into()) }
    }
}

/// Takes up to `len_max` bytes, and tells after each piece how many it was.
fn discard(socket: &TcpStream, len_max: u64, tell: impl Fn(u64)) -> io::Result<Taken> {
    let mut scratch = vec![0; BUFFER_LEN];
    let mut len = 0;
    while len < len_max {
        let room = usize::try_from(len_max - len).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
        match uninterrupted(|| recv_discard(socket, &mut scratch[..room]))? {
            0 => break,
            taken => len += taken as u64,
        }
        tell(len);
    }
    Ok(Taken { len, digest: None })
}

fn hash(socket: &TcpStream) -> io::Result<Taken> {
    let mut buffer = vec![0; BUFFER_LEN];
    let mut hasher = Hasher::new(Algorithm::Blake3);
    let mut len = 0;
    loop {
        match uninterrupted(|| read(socket, &mut buffer))? {
            0 => return Ok(Taken { len, digest: Some(hasher.finish().digest) }),
            taken => {
                hasher.update(&buffer[..taken]);
                len += taken as u64;
            }
        }
    }
}

/// A far end that sends a file, as cheaply as can be.
pub(crate) struct Feeder {
    gate: SyncSender<()>,
    thread: JoinHandle<io::Result<Spent>>,
}

impl Feeder {
    /// Sends what warms up, and then nothing before it is let go: `count` times the first `size` bytes of `file`, and the
    /// end of the stream.
    pub(crate) fn start(socket: TcpStream, file: Arc<File>, warm_up: WarmUp, size: u64, count: u64) -> Self {
        let (gate, opened) = sync_channel(1);
        let thread = thread::spawn(move || {
            feed(&socket, &file, warm_up.len, warm_up.count)?;
            if opened.recv().is_err() {
                // Whoever would have let it go has failed.
                return Ok(Spent::default());
            }
            let (fed, spent) = Spent::by(|| {
                feed(&socket, &file, size, count)?;
                socket.shutdown(Shutdown::Write)
            });
            fed.map(|()| spent)
        });
        Self { gate, thread }
    }

    /// Lets it send what counts. For the first line of what is measured, so that no byte is there before.
    pub(crate) fn let_go(&self) {
        // One that has failed says why in the end.
        let _ = self.gate.send(());
    }

    /// Waits until everything was sent, and says what processor time that took since it was let go.
    pub(crate) fn finish(self) -> io::Result<Duration> {
        Ok(self.thread.join().expect("a feeder does not panic")?.cpu)
    }
}

fn feed(socket: &TcpStream, file: &File, size: u64, count: u64) -> io::Result<()> {
    for _ in 0..count {
        let mut offset = 0;
        while offset < size {
            let len = usize::try_from(size - offset).map_or(BUFFER_LEN, |left| left.min(BUFFER_LEN));
            let sent = uninterrupted(|| sendfile(socket, file, offset, len))?;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += sent as u64;
        }
    }
    Ok(())
}

/// After so much a connection is as fast as it will be.
const WARM_UP_LEN: u64 = 8 << 20;

const WARM_UP_COUNT_MAX: u64 = 512;

/// Long enough that threads which begin one after the other are at it together.
const EXCHANGE_COUNT: usize = 100;

/// What the far end moves at a time.
const BUFFER_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
