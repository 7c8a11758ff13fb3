//! A connection between two hosts: words in, words out, and payloads beside them.
//!
//! One thread hears, and any may speak in turn. A socket waits for [`TICK`] at most, so that everybody who waits looks up now
//! and then: for somebody who wants to stop, for the end of an attempt, and for how long the other side has been silent.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use aqueduct_flow::{Carried, Extent, SendQueue, SendRoute, SourceTruncated, Step, Throttle, uninterrupted};
use aqueduct_sys::{Readiness, set_cork, wait_at_most};
use aqueduct_wire::native::{Frame, FrameError, missing_len};
use aqueduct_wire::transfer::{Word, parse_word};

use crate::{Error, ErrorKind};

/// How long anybody waits for anything before looking up.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Until when to wait.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// How long the other side may be silent.
    pub(crate) idle: Duration,
    /// Somebody wants everything to end.
    pub(crate) stop: Arc<AtomicBool>,
    /// This attempt is over, for a reason that somebody else knows.
    pub(crate) over: Arc<AtomicBool>,
    /// When time is up for the whole.
    pub(crate) until: Option<Instant>,
    /// When anything was heard or said last, on any connection of this attempt: one may be idle for as long as another is not.
    pub(crate) pulse: Arc<Pulse>,
}

/// When something moved last.
#[derive(Debug)]
pub(crate) struct Pulse {
    base: Instant,
    /// Milliseconds after that.
    at: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { base: Instant::now(), at: AtomicU64::new(0) }
    }
}

impl Pulse {
    pub(crate) fn beat(&self) {
        self.at
            .fetch_max(u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn silence(&self) -> Duration {
        self.base.elapsed().saturating_sub(Duration::from_millis(self.at.load(Ordering::Relaxed)))
    }
}

impl Patience {
    /// Whether to go on waiting for what last came at `since`.
    pub(crate) fn check(&self, since: Instant) -> Result<(), Error> {
        self.check_stop()?;
        if self.over.load(Ordering::Acquire) {
            return Err(over());
        }
        if since.elapsed().min(self.pulse.silence()) >= self.idle {
            let seconds = self.idle.as_secs();
            return Err(Error::new(ErrorKind::Network, format!("nothing was heard for {seconds} s")));
        }
        Ok(())
    }

    /// Waits until so many bytes may move, if there is a limit to them.
    pub(crate) fn pace(&self, throttle: Option<&Throttle>, len: u64) -> Result<(), Error> {
        match throttle {
            Some(throttle) => self.wait(throttle.take(len, Instant::now())),
            None => Ok(()),
        }
    }

    /// Lets time go by, unless somebody wants it to end.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Error> {
        let until = Instant::now() + time;
        // Nobody ever sends: it is a wait that can be looked up from.
        let (_sender, nobody) = mpsc::channel::<()>();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_over() {
                return Ok(());
            }
            self.check_stop()?;
            let _ = nobody.recv_timeout(left.min(TICK));
        }
    }

    /// Whether this attempt is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends the attempt.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether to go on with what moves.
    pub(crate) fn check_end(&self) -> Result<(), Error> {
        self.check_stop()?;
        if self.is_over() { Err(over()) } else { Ok(()) }
    }

    /// Whether nobody wants it to end.
    pub(crate) fn check_stop(&self) -> Result<(), Error> {
        check_stop(&self.stop, self.until)
    }
}

/// Whether nobody wants it to end, and there is time left.
pub(crate) fn check_stop(stop: &AtomicBool, until: Option<Instant>) -> Result<(), Error> {
    if stop.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Stopped, "told to stop"));
    }
    if until.is_some_and(|until| Instant::now() >= until) {
        return Err(Error::new(ErrorKind::Deadline, "time is up"));
    }
    Ok(())
}

/// What somebody finds who was only waiting: the reason is elsewhere.
fn over() -> Error {
    Error::new(ErrorKind::Other, "the attempt is over")
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) patience: Patience,
    mouth: Mutex<Mouth>,
}

/// What is still to be said, and whether what was said is whole.
#[derive(Debug)]
pub(crate) struct Mouth {
    pending: Vec<u8>,
    /// Part of a frame has left: nothing else can be said.
    is_broken: bool,
    carried: Carried,
}

/// A frame whose payload is still to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) word: Word,
    pub(crate) payload_len: u64,
}

/// What became of bytes that a file was to give.
#[derive(Debug)]
pub(crate) enum Given {
    /// They were sent.
    Sent,
    /// The file could not give them; zeroes were sent in their place, so that the frame is whole.
    Failed(io::Error),
}

impl Line {
    pub(crate) fn new(stream: TcpStream, patience: Patience) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        stream.set_nodelay(true)?;
        let peer = canonical(stream.peer_addr()?);
        let mouth = Mouth { pending: Vec::new(), is_broken: false, carried: Carried::default() };
        Ok(Self { stream, peer, patience, mouth: Mutex::new(mouth) })
    }

    /// With the patience of the attempt that it belongs to.
    pub(crate) fn with(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Wakes whoever waits for it, on both sides.
    pub(crate) fn close(&self) {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Says that nothing more will be said.
    pub(crate) fn finish_speaking(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn mouth(&self) -> MutexGuard<'_, Mouth> {
        self.mouth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What carried the payloads that were sent.
    pub(crate) fn carried(&self) -> Carried {
        self.mouth().carried
    }

    /// Hears the next word. Its payload has to be read before the next one.
    pub(crate) fn hear(&self) -> Result<Heard, Error> {
        let Frame { message: word, payload_len, .. } = self.hear_by(parse_word)?;
        if payload_len > 0 && !matches!(word, Word::Pack { .. } | Word::Bytes { .. }) {
            return Err(self.nonsense("a payload follows a word that has none"));
        }
        Ok(Heard { word, payload_len })
    }

    /// Reads one frame up to its payload, and not a byte more.
    pub(crate) fn hear_by<T>(
        &self,
        parse: impl Fn(&[u8]) -> Result<Option<Frame<T>>, FrameError>,
    ) -> Result<Frame<T>, Error> {
        let mut head = Vec::with_capacity(HEAD_LEN);
        loop {
            let have = head.len();
            let missing = missing_len(&head);
            head.resize(have + missing, 0);
            self.read_exact(&mut head[have..])?;
            match parse(&head) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) if missing_len(&head) > 0 => {}
                Ok(None) => return Err(self.nonsense("a frame is none")),
                // TCP's own check is weak: what does not agree with ours was damaged on its way, and comes again.
                Err(error @ (FrameError::BadPreamble | FrameError::BadHeader)) => {
                    return Err(self.lost(io::Error::other(error)));
                }
                Err(error) => return Err(self.nonsense(&error.to_string())),
            }
        }
    }

    /// Waits until something can be heard, for who does nothing else while others speak. Whoever waits in recv(2) is woken each
    /// time that the kernel has room to send, and keeps the socket locked while it finds that this is nothing for it; who waits in
    /// poll(2) is not.
    pub(crate) fn wait_to_hear(&self) -> Result<(), Error> {
        let since = Instant::now();
        loop {
            // What is wrong with the socket is found by whoever reads.
            if uninterrupted(|| wait_at_most(&self.stream, &[Readiness::Readable], TICK)).unwrap_or(true) {
                return Ok(());
            }
            self.patience.check(since)?;
        }
    }

    pub(crate) fn read_exact(&self, buffer: &mut [u8]) -> Result<(), Error> {
        self.patience.check_end()?;
        let mut filled = 0;
        let mut since = Instant::now();
        while filled < buffer.len() {
            match (&self.stream).read(&mut buffer[filled..]) {
                Ok(0) => return Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(len) => {
                    filled += len;
                    since = Instant::now();
                    self.patience.pulse.beat();
                }
                Err(error) if is_wait(&error) => self.patience.check(since)?,
                Err(error) => return Err(self.lost(error)),
            }
        }
        Ok(())
    }

    /// Says a word, and waits until the kernel has it.
    pub(crate) fn say(&self, word: &Word) -> Result<(), Error> {
        self.say_with(word, &[])
    }

    /// Says a word with a payload from memory.
    pub(crate) fn say_with(&self, word: &Word, payload: &[u8]) -> Result<(), Error> {
        let mut mouth = self.mouth();
        word.write(payload.len() as u64, &mut mouth.pending);
        self.push(&mut mouth, payload)
    }

    /// Says a word if nobody else speaks at the moment, and it can be said at all.
    pub(crate) fn say_if_idle(&self, word: &Word) {
        if let Ok(mut mouth) = self.mouth.try_lock()
            && !mouth.is_broken
        {
            word.write(0, &mut mouth.pending);
            // Who needs the connection will meet the same error.
            let _ = self.push(&mut mouth, &[]);
        }
    }

    /// Says the last word of an attempt that failed, if that can still be said.
    pub(crate) fn say_last(&self, word: &Word) {
        let mut mouth = self.mouth();
        if !mouth.is_broken {
            word.write(0, &mut mouth.pending);
            // Whoever is not heard any more has said it all the same.
            let _ = (&self.stream).write_all(&mouth.pending);
            mouth.is_broken = true;
        }
        drop(mouth);
        self.finish_speaking();
    }

    /// Sends bytes of `file` behind `word`. What the file cannot give is sent as zeroes.
    pub(crate) fn say_extent(
        &self,
        word: &Word,
        file: &Arc<File>,
        range: Range<u64>,
    ) -> Result<Given, Error> {
        let mut mouth = self.mouth();
        self.check_whole(&mouth)?;
        word.write(range.end - range.start, &mut mouth.pending);
        let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
        queue.push_memory(std::mem::take(&mut mouth.pending));
        queue.push_extent(Extent::new(Arc::clone(file), range));
        let mut since = Instant::now();
        mouth.is_broken = true;
        let given = loop {
            match queue.step(self.stream.as_fd(), STEP_LEN) {
                Ok(Step::Moved(_)) => {
                    since = Instant::now();
                    self.patience.pulse.beat();
                    self.patience.check_end()?;
                }
                Ok(Step::End) => break Given::Sent,
                Ok(Step::Blocked(_)) => self.patience.check(since)?,
                Err(error) if is_interrupt(&error) => {}
                Err(error) if is_of_file(&error) => {
                    self.pad(queue.remaining(), queue.memory_len())?;
                    // The queue would have done so at its end. Where it cannot be, the kernel does after 200 ms.
                    let _ = set_cork(&self.stream, false);
                    break Given::Failed(error);
                }
                Err(error) => return Err(self.lost(error)),
            }
        };
        mouth.is_broken = false;
        mouth.carried += *queue.carried();
        Ok(given)
    }

    /// Ends a frame whose file ended before it.
    fn pad(&self, remaining: u64, head_len: u64) -> Result<(), Error> {
        if head_len > 0 {
            return Err(Error::new(ErrorKind::Source, "a file cannot be read"));
        }
        let zeroes = [0; 64 * 1024];
        let mut left = remaining;
        while left > 0 {
            let len = usize::try_from(left).map_or(zeroes.len(), |left| left.min(zeroes.len()));
            self.write_all(&zeroes[..len])?;
            left -= len as u64;
        }
        Ok(())
    }

    /// Whether anything can still be said. Where a word broke off before, its speaker may have told nobody why: who speaks next
    /// meets the same.
    fn check_whole(&self, mouth: &Mouth) -> Result<(), Error> {
        if !mouth.is_broken {
            return Ok(());
        }
        self.patience.check_end()?;
        Err(self.lost(io::ErrorKind::BrokenPipe.into()))
    }

    fn push(&self, mouth: &mut Mouth, payload: &[u8]) -> Result<(), Error> {
        self.check_whole(mouth)?;
        mouth.is_broken = true;
        self.write_both(&mouth.pending, payload)?;
        mouth.pending.clear();
        mouth.is_broken = false;
        Ok(())
    }

    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<(), Error> {
        self.write_both(bytes, &[])
    }

    /// Writes one behind the other.
    fn write_both(&self, first: &[u8], second: &[u8]) -> Result<(), Error> {
        let mut parts = [IoSlice::new(first), IoSlice::new(second)];
        let mut left = &mut parts[..];
        // Empty ones are none.
        IoSlice::advance_slices(&mut left, 0);
        let mut since = Instant::now();
        while !left.is_empty() {
            match (&self.stream).write_vectored(left) {
                Ok(len) => {
                    IoSlice::advance_slices(&mut left, len);
                    since = Instant::now();
                    self.patience.pulse.beat();
                }
                Err(error) if is_wait(&error) => self.patience.check(since)?,
                Err(error) => return Err(self.lost(error)),
            }
        }
        Ok(())
    }

    /// The connection broke.
    pub(crate) fn lost(&self, error: io::Error) -> Error {
        Error::network(format!("the connection with {} is lost", self.peer), error)
    }

    /// The other side said what it must not.
    pub(crate) fn nonsense(&self, why: &str) -> Error {
        Error::new(ErrorKind::Protocol, format!("{} does not speak this protocol: {why}", self.peer))
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// An address as people know it: IPv4 is not shown as a part of IPv6, which a socket that takes both says.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A wait that ended without anything, or a signal.
pub(crate) fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        && error.raw_os_error() != Some(ETIMEDOUT)
        || is_interrupt(error)
}

fn is_interrupt(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

/// Whether the file failed, and not the connection: it ended, or its disk could not read it.
fn is_of_file(error: &io::Error) -> bool {
    let is_truncated = error.get_ref().is_some_and(|inner| inner.is::<SourceTruncated>());
    is_truncated || error.raw_os_error() == Some(EIO)
}

/// The peer's silence, as the kernel found it: no wait, but the end. errno(3).
const ETIMEDOUT: i32 = 110;
const EIO: i32 = 5;

/// Most words are shorter.
const HEAD_LEN: usize = 128;

/// What is sent in one step.
const STEP_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
