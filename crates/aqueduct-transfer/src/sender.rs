//! The sender's side of an attempt: a walk fills a queue, and each stream takes from it what comes next.
//!
//! ```text
//! walk ──> queue ──> worker of stream 0 ══> announcements, packs, segments, End
//!            ^  └──> workers of the others ══> packs, segments
//!            └────── hearing: Again, Held, Skip <══ stream 0
//! ```
//!
//! A segment leaves first and is hashed then, while the kernel still sends it: what it must be found to be trails behind. A
//! chain, which one thread at a time can hash, is hashed ahead as well, so that it goes on while streams wait.

mod hearing;
mod outgoing;
mod queue;
pub(crate) mod stdin;
mod walking;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::{Carried, Throttle};
use aqueduct_wire::transfer::{Accept, Offer, Role, Verify, Word};

use crate::line::{Line, Patience};
use crate::meet::Purpose;
use crate::scale::Scale;
use crate::source::{CheckpointCache, SourceFile, Walk};
use crate::streams::More;
use crate::{Error, ErrorKind, Event, Gauge, Phase, Report, Send, Watch, What};
use queue::Queue;

/// What all attempts of one `send` share.
pub(crate) struct Sender<'a> {
    pub(crate) send: &'a Send,
    pub(crate) gauge: &'a Gauge,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) cache: CheckpointCache,
    pub(crate) throttle: Option<Throttle>,
    /// Whether anything of standard input was read, which cannot be read twice.
    pub(crate) has_read: AtomicBool,
}

/// What the threads of one attempt share.
struct Attempt<'a> {
    sender: &'a Sender<'a>,
    queue: Queue,
    /// Whether one file is all that was offered.
    is_one_file: bool,
    accept: Accept,
    verify: Verify,
    patience: Patience,
}

impl Sender<'_> {
    /// Sends everything over `line`, stream 0, and whatever streams `more` brings; returns when the receiver has it.
    pub(crate) fn attempt(&self, line: Line, more: &More<'_>) -> Result<Report, Error> {
        let began = Instant::now();
        self.gauge.begin_attempt();
        let over = Arc::new(AtomicBool::new(false));
        let patience = Patience { over: Arc::clone(&over), pulse: Arc::default(), ..line.patience.clone() };
        let line = Arc::new(line.with(patience.clone()));
        self.watch.hear(&Event::Phase(Phase::Plan));
        let (is_one_file, accept) = match self.offer(&line) {
            Ok(offered) => offered,
            Err(error) => return Err(tell(&line, error)),
        };
        self.watch.hear(&Event::Phase(Phase::Transfer));
        let queue = Queue::new(Arc::clone(&over));
        let attempt =
            Attempt { sender: self, queue, is_one_file, accept, verify: self.send.verify, patience };
        let done = attempt.run(&line, more);
        over.store(true, Ordering::Release);
        match done {
            Ok(done) => {
                line.close();
                Ok(Report { elapsed: began.elapsed(), peer: Some(line.peer), ..done })
            }
            Err(error) => Err(self.once(tell(&line, error))),
        }
    }

    /// What was read of standard input is gone: whatever would be tried again otherwise has failed for good.
    pub(crate) fn once(&self, error: Error) -> Error {
        if self.has_read.load(Ordering::Relaxed) && error.kind() == ErrorKind::Network {
            let what = "the connection is lost, and standard input cannot be read twice";
            return Error::new(ErrorKind::Other, what).because(error);
        }
        error
    }

    /// Says what is to come, and hears how it may. Also says whether it is one file.
    fn offer(&self, line: &Line) -> Result<(bool, Accept), Error> {
        let (names, transfer, file) = match &self.send.what {
            What::Stdin => (
                vec![STDIN_NAME.to_vec()],
                crate::secret::random().map_err(|error| Error::disk("no random bytes", error))?,
                None,
            ),
            What::Paths(paths) => {
                let walk = Walk::new(paths, &self.send.preserve, &self.send.exclude)?;
                (walk.names().to_vec(), walk.transfer(), self.send.single_file()?)
            }
        };
        let size = file.as_ref().map(SourceFile::size);
        // A hole needs no room where it stays one.
        let room = file.filter(|_| self.send.preserve.sparse).map(|file| file.stat().block_count * 512);
        line.say(&Word::Offer(Offer {
            transfer,
            algorithm: self.send.algorithm,
            verify: self.send.verify,
            names,
            size,
            // A stream is one, too, of a size that nobody knows.
            file_count: (size.is_some() || self.send.what == What::Stdin).then_some(1),
            stream_count: self.send.stream_count(size),
            room,
        }))?;
        loop {
            match line.hear()?.word {
                Word::Accept(accept) => return Ok((size.is_some(), accept)),
                Word::Failed { failure, why } => return Err(Error::of_peer(failure, &why)),
                // It looks at what an earlier attempt has left.
                Word::Verified { .. } => {}
                _ => return Err(line.nonsense("it neither wants nor refuses what is offered")),
            }
        }
    }
}

impl Attempt<'_> {
    fn run(&self, line: &Arc<Line>, more: &More<'_>) -> Result<Report, Error> {
        let stream_count = if self.sender.send.what == What::Stdin { 1 } else { self.accept.stream_count };
        thread::scope(|scope| {
            scope.spawn(|| self.guard(|| self.hear(line)));
            match &self.sender.send.what {
                What::Stdin => _ = scope.spawn(|| self.guard(|| self.send_stdin(line))),
                What::Paths(paths) => {
                    scope.spawn(|| self.guard(|| self.walk(paths)));
                    scope.spawn(|| self.guard(|| self.work(line, true)));
                }
            }
            scope.spawn(|| self.keep_alive(line));
            // What is no chain is hashed by whoever sends it: by all of them at once.
            if self.algorithm() == Some(Algorithm::Sha256) {
                scope.spawn(|| self.guard(|| self.hash_ahead()));
            }
            if stream_count > 1 {
                let purpose = Purpose { role: Role::Send, stream: 1, attempt: self.accept.attempt };
                scope.spawn(move || {
                    let is_over = || self.queue.is_over();
                    let (lines, watch) = (&self.queue.lines, self.sender.watch);
                    more.gather(purpose, stream_count, &self.patience, &is_over, lines, watch);
                });
            }
            while let Some(other) = self.queue.lines.next() {
                self.sender.gauge.set_streams(1 + self.queue.lines.count());
                scope.spawn(move || self.guard(|| self.work(&other, false)));
            }
            self.tell_before_closing(line);
            self.queue.lines.close();
        });
        let mut carried = line.carried();
        carried += self.queue.lines.carried();
        let done = self.queue.outcome()?;
        let tally = self.queue.tally();
        match tally.first_failure {
            // It was all there was.
            Some((kind, ref why)) if tally.file_count == 0 && self.is_one_file => {
                Err(Error::new(kind, why.clone()))
            }
            _ => Ok(self.report(done, carried)),
        }
    }

    /// Under which algorithm files are hashed, if they are.
    fn algorithm(&self) -> Option<Algorithm> {
        (self.verify == Verify::Full).then_some(self.sender.send.algorithm)
    }

    /// Runs a thread's work; whatever ends it early ends the attempt.
    fn guard(&self, work: impl FnOnce() -> Result<(), Error>) {
        let _alarm = Alarm(&self.queue);
        if let Err(error) = work() {
            if error.kind() == ErrorKind::Network {
                // Who closes a connection may have said why on stream 0.
                self.queue.wait_for_end(REASON_TIME_MAX);
            }
            self.queue.fail(error);
        }
    }

    /// Says on stream 0 why this side cannot go on, before the others close without a word.
    fn tell_before_closing(&self, line: &Line) {
        if let Some((failure, why)) = self.queue.failure() {
            line.say_last(&Word::Failed { failure, why });
        }
    }

    /// Lets the other side know that this one is there, however long it reads or hashes.
    fn keep_alive(&self, line: &Arc<Line>) {
        let mut scale = Scale::new();
        while !self.queue.wait_for_end(ALIVE_EVERY) {
            line.say_if_idle(&Word::Verified { len: 0 });
            let mut lines = self.queue.lines.all();
            lines.push(Arc::clone(line));
            scale.weigh_sender(&lines, self.sender.throttle.is_some(), self.sender.gauge);
        }
    }

    fn report(&self, done: queue::Done, carried: Carried) -> Report {
        let tally = self.queue.tally();
        let queue::Tally { file_count, size, digest, .. } = tally;
        // What was all there may not have been hashed here again.
        let theirs = || done.digest.zip(self.algorithm());
        let digest = digest.or_else(|| theirs().map(|(digest, algorithm)| Digest::new(algorithm, digest)));
        Report {
            name: self.sender.send.name(),
            file_count,
            failed_count: tally.failed_count() + done.failed_count,
            size,
            resumed: self.sender.gauge.resumed(),
            digest: digest.filter(|_| file_count == 1),
            proof: self.verify.into(),
            is_synced: done.is_synced,
            carried,
            elapsed: std::time::Duration::ZERO,
            peer: None,
            streams: 1 + self.queue.lines.count(),
        }
    }
}

/// Tells the other side why this one cannot go on, unless it said so itself or cannot hear.
pub(crate) fn tell(line: &Line, error: Error) -> Error {
    if let Some((failure, why)) = error.to_be_told() {
        line.say_last(&Word::Failed { failure, why });
    }
    line.close();
    error
}

/// Ends the attempt if a thread of it panics: the others would wait for it.
struct Alarm<'a>(&'a Queue);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(Error::new(ErrorKind::Other, "a thread of the sender panicked"));
        }
    }
}

/// How long a reason may be on its way behind the end of another connection.
pub(crate) const REASON_TIME_MAX: std::time::Duration = std::time::Duration::from_millis(500);

/// What a stream without a name is called at the receiver's, unless that side knows better.
pub(crate) const STDIN_NAME: &[u8] = b"stdin";

/// Far below the silence that anybody puts up with.
const ALIVE_EVERY: std::time::Duration = std::time::Duration::from_secs(2);
