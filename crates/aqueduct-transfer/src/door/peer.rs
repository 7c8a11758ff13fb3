//! One connection that speaks no protocol of ours: what is sent on it, and what its other side has acknowledged.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use aqueduct_flow::{Carried, SendQueue, SourceTruncated, Step, Throttle, uninterrupted};
use aqueduct_sys::{Errno, Readiness, errno_of, read, recv_discard, tcp_info, wait_at_most};

use crate::line::check_stop;
use crate::{Error, ErrorKind, Gauge, Times};

/// What every conversation keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner<'a> {
    /// How long the other side may be silent.
    pub(crate) times: &'a Times,
    /// At most so many bytes a second, over all connections.
    pub(crate) throttle: Option<&'a Throttle>,
    /// Ends it soon; looked at several times a second.
    pub(crate) stop: &'a AtomicBool,
    /// When time is up for the whole.
    pub(crate) until: Option<Instant>,
    /// Counts what the other side has acknowledged, or what was received.
    pub(crate) gauge: &'a Gauge,
}

impl Manner<'_> {
    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), Error> {
        check_stop(self.stop, self.until)
    }
}

/// The other side of a connection. The socket is made non-blocking, and stays so.
#[derive(Debug)]
pub(super) struct Peer<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) manner: Manner<'a>,
    /// What was acknowledged before this began.
    acked_before: u64,
    /// Bytes that were acknowledged since, when it was looked at last.
    acked: u64,
    /// Bytes that the socket has taken since this began.
    sent: u64,
    /// What carried them.
    carried: Carried,
    /// When something came, or was acknowledged, last.
    moved_at: Instant,
    /// Whether its kernel answers, and has no room because nobody reads what it holds.
    is_full: bool,
    /// Bytes that it sent and nobody wanted.
    discarded: u64,
    /// Whether it has ended its side.
    has_ended: bool,
}

impl<'a> Peer<'a> {
    pub(super) fn new(stream: &'a TcpStream, manner: Manner<'a>) -> Result<Self, Error> {
        stream.set_nonblocking(true).map_err(lost)?;
        let acked_before = tcp_info(stream).map_err(|error| lost(error.into()))?.bytes_acked;
        Ok(Self {
            stream,
            manner,
            acked_before,
            acked: 0,
            sent: 0,
            carried: Carried::default(),
            moved_at: Instant::now(),
            is_full: false,
            discarded: 0,
            has_ended: false,
        })
    }

    /// The other side has done something: its time begins anew.
    pub(super) fn moved(&mut self) {
        self.moved_at = Instant::now();
    }

    /// Bytes that its kernel has acknowledged since this began; the end of our side counts as one.
    pub(super) fn acked(&mut self) -> Result<u64, Error> {
        let info = tcp_info(self.stream).map_err(|error| lost(error.into()))?;
        // One probe may be on its way.
        self.is_full = info.unacked == 0 && info.not_sent > 0 && info.unanswered_probes <= 1;
        let acked = info.bytes_acked.saturating_sub(self.acked_before);
        if acked > self.acked {
            self.acked = acked;
            self.moved();
        }
        Ok(acked)
    }

    /// Bytes that the socket has taken since this began.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// What carried bytes since this was asked last.
    pub(super) fn take_carried(&mut self) -> Carried {
        std::mem::take(&mut self.carried)
    }

    /// Waits until the socket is ready, but not longer than `time`, nor than a look at who wants this to end may take. Says
    /// whether it is ready.
    pub(super) fn wait(&self, wanted: &[Readiness], time: Duration) -> Result<bool, Error> {
        self.manner.check()?;
        let is_ready = uninterrupted(|| wait_at_most(self.stream, wanted, time.min(TICK)));
        is_ready.map_err(|error| lost(error.into()))
    }

    /// When somebody who says nothing from now on will have been silent for too long.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline { since: Instant::now(), time: self.manner.times.idle }
    }

    /// Lets time pass, whatever the socket does, but not longer than a look at who wants this to end may take.
    fn rest(&self, time: Duration) -> Result<(), Error> {
        self.manner.check()?;
        let (_silent, silence) = mpsc::channel::<()>();
        let _ = silence.recv_timeout(time.min(TICK));
        Ok(())
    }

    /// Whether it was silent for as long as it may be. A side whose kernel answers is not silent: it may take megabytes until a
    /// program that reads slowly has made room.
    pub(super) fn is_late(&self) -> bool {
        let idle = self.manner.times.idle;
        self.moved_at.elapsed() >= if self.is_full { idle.saturating_mul(FULL_FACTOR) } else { idle }
    }

    /// What it is when the other side was silent for too long.
    pub(super) fn late(&self) -> Error {
        let silence = self.moved_at.elapsed().as_secs_f32();
        Error::new(ErrorKind::Network, format!("the other side has not moved for {silence:.0} s"))
    }

    /// Waits as long as the rate that was asked for wants it before `len` more bytes.
    pub(super) fn pace(&mut self, len: usize) -> Result<(), Error> {
        let Some(throttle) = self.manner.throttle else { return Ok(()) };
        let until = Instant::now() + throttle.take(len as u64, Instant::now());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.rest(left)?;
            // The other side could do nothing.
            self.moved();
        }
    }

    /// How much to send at once.
    pub(super) fn turn_len(&self) -> usize {
        if self.manner.throttle.is_some() { PACED_TURN_LEN } else { TURN_LEN }
    }

    /// Sends a queue to its end. What comes meanwhile is thrown away if `discards`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Changed`] where a file has become shorter than its extent.
    pub(super) fn send(&mut self, queue: &mut SendQueue, discards: bool) -> Result<(), Error> {
        let before = *queue.carried();
        let sent = self.send_all(queue, discards);
        self.carried += queue.carried().since(&before);
        sent
    }

    fn send_all(&mut self, queue: &mut SendQueue, discards: bool) -> Result<(), Error> {
        while !queue.is_empty() {
            let turn_len = self.turn_len();
            match queue.step(self.stream.as_fd(), turn_len).map_err(sending)? {
                Step::End => break,
                Step::Moved(len) => {
                    self.sent += len as u64;
                    self.moved();
                    self.manner.check()?;
                    self.pace(len)?;
                }
                Step::Blocked(_) => self.wait_for_room(discards)?,
            }
        }
        Ok(())
    }

    fn wait_for_room(&mut self, discards: bool) -> Result<(), Error> {
        let wanted: &[_] = if discards && self.hears() {
            &[Readiness::Writable, Readiness::Readable]
        } else {
            &[Readiness::Writable]
        };
        self.wait(wanted, TICK)?;
        if discards {
            self.discard()?;
        }
        self.acked()?;
        if self.is_late() { Err(self.late()) } else { Ok(()) }
    }

    /// Whether what it sends is still thrown away, and did not end.
    pub(super) fn hears(&self) -> bool {
        !self.has_ended && self.discarded < DISCARD_LEN_MAX
    }

    /// Reads what there is; `None` if that is nothing yet, and 0 the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Error> {
        match uninterrupted(|| read(self.stream, buffer)) {
            Ok(len) => {
                self.moved();
                Ok(Some(len))
            }
            Err(error) if error.errno() == Errno::AGAIN => Ok(None),
            Err(error) => Err(lost(error.into())),
        }
    }

    /// Throws away what has come.
    pub(super) fn discard(&mut self) -> Result<(), Error> {
        let mut scratch = [0; SCRATCH_LEN];
        while self.hears() {
            match uninterrupted(|| recv_discard(self.stream, &mut scratch)) {
                Ok(0) => self.has_ended = true,
                Ok(len) => self.discarded += len as u64,
                Err(error) if error.errno() == Errno::AGAIN => break,
                Err(error) => return Err(lost(error.into())),
            }
        }
        Ok(())
    }

    /// Ends our side, and waits until the other's kernel has acknowledged all that was sent and the end itself. What comes is
    /// thrown away; whether the other side ends its own is not waited for, since many never do.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Network`] where it resets the connection first, or acknowledges nothing for too long.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.stream.shutdown(Shutdown::Write).map_err(lost)?;
        self.wait_for_acks(self.sent + 1, true)
    }

    /// Waits until the other's kernel has acknowledged all that was sent. What comes is left where it is.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.wait_for_acks(self.sent, false)
    }

    /// Nothing tells when something was acknowledged, so it is looked for: soon, and then less often.
    fn wait_for_acks(&mut self, count: u64, discards: bool) -> Result<(), Error> {
        let mut pause = PAUSE_MIN;
        let mut has_come = false;
        loop {
            // What was reset may have been acknowledged before: nobody has read it, then.
            if let Some(error) = self.stream.take_error().map_err(lost)? {
                return Err(lost(error));
            }
            if self.acked()? >= count {
                return Ok(());
            }
            if self.is_late() {
                return Err(self.late());
            }
            if has_come || !self.hears() {
                self.rest(pause)?;
            } else {
                // What comes brings an acknowledgement with it.
                let is_ready = self.wait(&[Readiness::Readable], pause)?;
                if discards {
                    self.discard()?;
                } else {
                    has_come = is_ready;
                }
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// A time by which something has to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    since: Instant,
    time: Duration,
}

impl Deadline {
    pub(super) fn has_passed(&self) -> bool {
        self.since.elapsed() >= self.time
    }
}

/// What it is when a connection does not do what it should.
pub(super) fn lost(error: io::Error) -> Error {
    Error::network("the connection to the other side was lost", error)
}

/// What it is when a step of sending fails: the source's fault, or the way's.
fn sending(error: io::Error) -> Error {
    if error.get_ref().is_some_and(|inner| inner.is::<SourceTruncated>()) {
        return Error::new(ErrorKind::Changed, "the source became shorter while it was sent").because(error);
    }
    match errno_of(&error) {
        Some(Errno::IO) => Error::source_file("the source cannot be read", error),
        _ => lost(error),
    }
}

/// For how many times as long somebody may read nothing while its kernel answers: for minutes, usually.
const FULL_FACTOR: u32 = 20;

/// How often somebody who waits looks whether to end.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// What one call sends: few calls for a large file.
const TURN_LEN: usize = 1 << 20;

/// What one call sends where a rate is kept to, so that it does not come in bursts.
const PACED_TURN_LEN: usize = 64 << 10;

/// What a peer may send that nobody wants. What it sends beyond stays where it is, and it waits.
const DISCARD_LEN_MAX: u64 = 64 << 20;

const SCRATCH_LEN: usize = 16 << 10;

/// How soon after the last byte its acknowledgement is looked for, and how seldom in the end.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);
