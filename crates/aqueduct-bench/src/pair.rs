//! A TCP connection within this machine, and what is done at its other end.

use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{read, recv_discard, sendfile, write};

use crate::arm::WrongBytes;
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

/// A far end that takes whatever comes.
pub(crate) struct Sink {
    /// How many bytes it was given so far.
    taken_len: Arc<AtomicU64>,
    thread: JoinHandle<io::Result<(Taken, Spent)>>,
}

/// What a sink was given.
struct Taken {
    len: u64,
    /// If it looked.
    digest: Option<Digest>,
}

impl Sink {
    /// Takes until the end of the stream, without a copy; or, to be checked, hashes.
    pub(crate) fn start(socket: TcpStream, is_checked: bool) -> Self {
        let taken_len = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken_len);
        let take = move || if is_checked { hash(&socket) } else { discard(&socket, &count) };
        let thread = thread::spawn(move || {
            let (taken, spent) = Spent::by(take);
            Ok((taken?, spent))
        });
        Self { taken_len, thread }
    }

    /// Waits until so many bytes have arrived at a sink that does not look at them.
    pub(crate) fn catch_up(&self, len: u64) {
        while self.taken_len.load(Ordering::Relaxed) < len && !self.thread.is_finished() {
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
    /// [`WrongBytes`] if that is not `count` times `head` and the first `size` bytes of `file`, as far as the sink looked;
    /// one that did not was given `before` other bytes, too.
    pub(crate) fn check(
        &self,
        file: &File,
        size: u64,
        count: u64,
        head: &[u8],
        before: u64,
    ) -> io::Result<()> {
        let is_right = match &self.taken.digest {
            Some(found) => *found == digest(Algorithm::Blake3, file, size, count, head)?,
            None => self.taken.len == (head.len() as u64 + size) * count + before,
        };
        if is_right { Ok(()) } else { Err(WrongBytes.into()) }
    }
}

fn discard(socket: &TcpStream, count: &AtomicU64) -> io::Result<Taken> {
    let mut scratch = vec![0; BUFFER_LEN];
    let mut len = 0;
    loop {
        match uninterrupted(|| recv_discard(socket, &mut scratch))? {
            0 => return Ok(Taken { len, digest: None }),
            taken => {
                len += taken as u64;
                count.store(len, Ordering::Relaxed);
            }
        }
    }
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
    thread: JoinHandle<io::Result<Spent>>,
}

impl Feeder {
    /// Sends `count` times the first `size` bytes of `file`, and ends the stream.
    pub(crate) fn start(socket: TcpStream, file: Arc<File>, size: u64, count: u64) -> Self {
        let thread = thread::spawn(move || {
            let (fed, spent) = Spent::by(|| feed(&socket, &file, size, count));
            fed.map(|()| spent)
        });
        Self { thread }
    }

    /// Waits until everything was sent, and says what processor time that took.
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
    socket.shutdown(Shutdown::Write)
}

/// Long enough that threads which begin one after the other are at it together.
const EXCHANGE_COUNT: usize = 100;

/// What the far end moves at a time.
const BUFFER_LEN: usize = 1 << 20;
