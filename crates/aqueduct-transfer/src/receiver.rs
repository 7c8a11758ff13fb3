//! The receiver's side of an attempt: every stream lands what comes on it, and what is wrong is asked for again.
//!
//! ```text
//! stream 0 ══> hearing ── Entries ──> landing: directories, links; arrivals: files
//! streams ═══> hearing ── Pack ─────> verified in memory, landed whole
//!                      ── Bytes ────> landed in place
//!                      ── Sum ──────> judges: read back, hashed, compared; a record in the journal
//! End, and every file is there ──> landing: metadata, sync, names ──> Done
//! ```

mod arrival;
mod hearing;
mod judges;
mod ledger;
mod passing;
mod segment;
mod told;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_flow::Throttle;
use aqueduct_wire::transfer::{Accept, Failure, Offer, Role, Verify, Word};

use crate::landing::{Landing, LandingOptions};
use crate::line::{Line, Patience};
use crate::meet::Purpose;
use crate::scale::Scale;
use crate::sender::{REASON_TIME_MAX, tell};
use crate::streams::More;
use crate::{Error, ErrorKind, Event, Gauge, Phase, Receive, Report, Watch, Where};
use judges::Judges;
use ledger::Ledger;
pub(crate) use told::ToldFiles;

/// What all attempts of one `recv` share.
pub(crate) struct Receiver<'a> {
    pub(crate) receive: &'a Receive,
    pub(crate) gauge: &'a Gauge,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) throttle: Option<Throttle>,
    /// Whether bytes of this transfer have left on standard output: they cannot be taken back.
    pub(crate) has_passed: AtomicBool,
    /// Whether what comes is a stream, as far as is known: nobody goes on with it.
    pub(crate) is_stream: AtomicBool,
    /// A transfer that began and did not end, and can go on: what came of it is kept.
    pub(crate) begun: Mutex<Option<[u8; 16]>>,
    /// What earlier attempts have told of.
    pub(crate) told: ToldFiles,
}

/// What the threads of one attempt share.
struct Attempt<'a> {
    receiver: &'a Receiver<'a>,
    offer: Offer,
    /// Where it lands; nowhere, if it goes to standard output.
    landing: Option<Landing>,
    /// Whether anything is there from an earlier attempt.
    resumes: bool,
    ledger: Ledger,
    patience: Patience,
    /// Stream 0, on which this side speaks.
    first: Arc<Line>,
}

impl Receiver<'_> {
    /// Receives everything over `line`, stream 0, and whatever streams `more` brings.
    pub(crate) fn attempt(&self, line: Line, more: &More<'_>) -> Result<Report, Error> {
        let began = Instant::now();
        self.gauge.begin_attempt();
        let over = Arc::new(AtomicBool::new(false));
        let patience = Patience { over: Arc::clone(&over), pulse: Arc::default(), ..line.patience.clone() };
        let line = Arc::new(line.with(patience.clone()));
        let received = self.receive(&line, more, patience, &over);
        over.store(true, Ordering::Release);
        match received {
            Ok(report) => Ok(Report { elapsed: began.elapsed(), peer: Some(line.peer), ..report }),
            Err(error) => Err(tell(&line, error)),
        }
    }

    fn receive(
        &self,
        line: &Arc<Line>,
        more: &More<'_>,
        patience: Patience,
        over: &Arc<AtomicBool>,
    ) -> Result<Report, Error> {
        self.watch.hear(&Event::Phase(Phase::Plan));
        let offer = match line.hear()?.word {
            Word::Offer(offer) => offer,
            Word::Failed { failure, why } => return Err(Error::of_peer(failure, &why)),
            _ => return Err(line.nonsense("it does not say what it offers")),
        };
        let receive = self.receive;
        self.told.begin(offer.transfer);
        self.is_stream.store(receive.to == Where::Stdout || offer.is_stream(), Ordering::Relaxed);
        let landing = match &receive.to {
            Where::Stdout => {
                self.check_stdout(&offer)?;
                None
            }
            to => {
                let options = LandingOptions {
                    to,
                    existing: receive.existing,
                    sync: receive.sync,
                    preserve: receive.preserve,
                    recheck: receive.recheck,
                    resume: receive.resume,
                };
                let begun = keeping_alive(line, || Landing::begin(&options, &offer, self.watch, self.gauge))?;
                Some(begun)
            }
        };
        if let (Some(landing), Some(size)) = (&landing, offer.size) {
            self.gauge.set_total(size);
            let room = offer.room.filter(|_| receive.preserve.sparse);
            landing.reserve(room.map_or(size, |room| room.min(size)))?;
        }
        self.watch.hear(&Event::Plan {
            file_count: offer.file_count,
            size: offer.size,
            free: landing.as_ref().and_then(Landing::free),
            held: self.gauge.resumed(),
        });
        if receive.options.dry_run {
            line.say_last(&Word::Failed { failure: Failure::Refused, why: "only a trial".to_owned() });
            return Ok(self.report(&offer, landing.as_ref(), &Ledger::new(Arc::clone(over)), 1));
        }
        let in_order = landing.is_none();
        let wanted = if in_order { 1 } else { receive.options.stream_count(offer.size) };
        let accept = Accept {
            attempt: crate::secret::random().map_err(|error| Error::disk("no random bytes", error))?,
            resumes: landing.as_ref().is_some_and(Landing::resumes),
            in_order,
            stream_count: wanted.min(offer.stream_count),
        };
        line.say(&Word::Accept(accept))?;
        self.watch.hear(&Event::Phase(Phase::Transfer));
        let ledger = Ledger::new(Arc::clone(over));
        let transfer = offer.transfer;
        if landing.is_some() && !offer.is_stream() {
            *self.begun() = Some(transfer);
        }
        let attempt = Attempt {
            receiver: self,
            offer,
            landing,
            resumes: accept.resumes,
            ledger,
            patience,
            first: Arc::clone(line),
        };
        let received = attempt.run(more, &accept);
        if received.is_ok() {
            self.told.end();
            self.begun().take_if(|begun| *begun == transfer);
        }
        received
    }

    /// Bytes of several files, one behind the other, would be none of them.
    fn check_stdout(&self, offer: &Offer) -> Result<(), Error> {
        if offer.names.len() > 1 {
            return Err(Error::new(ErrorKind::Usage, "standard output takes one file; -o DIR takes several"));
        }
        if self.has_passed.load(Ordering::Relaxed) {
            let what = "the connection was lost, and what went to standard output cannot be taken back";
            return Err(Error::new(ErrorKind::Other, what));
        }
        Ok(())
    }

    /// Whether nothing is kept of what failed: it was a stream, and nothing else waits to go on.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.is_stream.load(Ordering::Relaxed) && self.begun().is_none()
    }

    fn begun(&self) -> MutexGuard<'_, Option<[u8; 16]>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a file that is there, once.
    fn tell_file(&self, path: &[u8], size: u64, digest: Option<Digest>) {
        if self.told.add(path, size, digest) {
            self.watch.hear(&Event::File { path, size, digest });
        }
    }

    fn report(&self, offer: &Offer, landing: Option<&Landing>, ledger: &Ledger, streams: u32) -> Report {
        let tally = ledger.tally();
        Report {
            name: offer.names[0].clone(),
            file_count: tally.file_count,
            failed_count: tally.failed_count.saturating_add(tally.left_count),
            size: tally.size,
            resumed: self.gauge.resumed(),
            digest: tally.digest.filter(|_| tally.file_count == 1),
            proof: offer.verify.into(),
            is_synced: landing.is_some() && self.receive.sync != crate::Sync::None,
            carried: tally.carried,
            elapsed: Duration::ZERO,
            peer: None,
            streams,
        }
    }
}

impl Attempt<'_> {
    fn run(&self, more: &More<'_>, accept: &Accept) -> Result<Report, Error> {
        let line = &self.first;
        let judge_count = self.judge_count();
        let (judges, cases) = Judges::new(judge_count);
        thread::scope(|scope| {
            for _ in 0..judge_count {
                scope.spawn(|| {
                    while let Some((taken, said)) = cases.next() {
                        self.guard(|| self.judge(taken, &said));
                    }
                });
            }
            let first = judges.clone();
            scope.spawn(move || {
                self.guard(|| self.hear(line, true, &first));
                self.ledger.end_hearing();
            });
            scope.spawn(|| self.acknowledge(line));
            if accept.stream_count > 1 {
                let purpose = Purpose { role: Role::Receive, stream: 1, attempt: accept.attempt };
                scope.spawn(move || {
                    let is_over = || self.ledger.is_over();
                    let (lines, watch) = (&self.ledger.lines, self.receiver.watch);
                    more.gather(purpose, accept.stream_count, &self.patience, &is_over, lines, watch);
                });
            }
            while let Some(other) = self.ledger.lines.next() {
                self.receiver.gauge.set_streams(1 + self.ledger.lines.count());
                let judges = judges.clone();
                scope.spawn(move || {
                    self.guard(|| match self.hear(&other, false, &judges) {
                        // The sender closes them once everything was sent.
                        Err(_) if self.ledger.is_over() => Ok(()),
                        heard => heard,
                    });
                });
            }
            drop(judges);
            if let Some((failure, why)) = self.ledger.failure() {
                self.first.say_last(&Word::Failed { failure, why });
            }
            self.ledger.lines.close();
            // Stream 0 is heard until the sender, who hears of the end, has closed it.
            let finished = self.ledger.outcome().and_then(|()| self.finish());
            if finished.is_ok() {
                // A connection closed before the sender has heard the end could lose it.
                self.ledger.wait_for_hearing(GOODBYE_TIME_MAX);
            }
            self.patience.end();
            finished
        })
    }

    /// Everything is there: gives it its names, and tells the sender.
    fn finish(&self) -> Result<Report, Error> {
        let streams = 1 + self.ledger.lines.count();
        let report = self.receiver.report(&self.offer, self.landing(), &self.ledger, streams);
        self.receiver.watch.hear(&Event::Phase(Phase::Sync));
        let landed = match self.landing() {
            Some(landing) => keeping_alive(&self.first, || {
                self.ledger.take_links().iter().try_for_each(|link| landing.entry(link))?;
                landing.finish().map(Some)
            })?,
            None => None,
        };
        for note in landed.iter().flat_map(|landed| &landed.notes) {
            self.receiver.watch.hear(&Event::Note(note));
        }
        let is_synced = landed.as_ref().is_some_and(|landed| landed.is_synced);
        let Report { file_count, failed_count, .. } = report;
        let digest = report.digest.map(|digest| *digest.as_bytes());
        // What failed here so far are files that changed, which the sender counts itself.
        if let Err(error) = self.first.say(&Word::Done { file_count, failed_count: 0, is_synced, digest }) {
            // Everything is here, whether the sender knows or not.
            let note = format!("the sender could not be told that everything is here: {error}");
            self.receiver.watch.hear(&Event::Note(&note));
        }
        self.first.finish_speaking();
        // It was all there was, as the sender says of it, too.
        if file_count == 0 && failed_count == 1 && self.offer.file_count == Some(1) {
            let what = "it changed while it was sent, or cannot be read: the sender knows which";
            return Err(Error::new(ErrorKind::Changed, what));
        }
        let name = landed.and_then(|landed| landed.names.into_iter().next());
        Ok(Report {
            is_synced,
            name: name.map_or(report.name, |(_, path)| crate::path_bytes(path)),
            ..report
        })
    }

    fn guard(&self, work: impl FnOnce() -> Result<(), Error>) {
        let _alarm = Alarm(&self.ledger);
        if let Err(error) = work() {
            if error.kind() == ErrorKind::Network {
                // Who closes a connection may have said why on stream 0.
                self.ledger.wait_for_end(REASON_TIME_MAX);
            }
            self.ledger.end(Err(error));
        }
    }

    /// Tells the sender how much is verified, and that this side is there.
    fn acknowledge(&self, line: &Arc<Line>) {
        let mut quiet_since = Instant::now();
        let mut scale = Scale::new();
        loop {
            let is_over = self.ledger.wait_for_end(ACKNOWLEDGE_EVERY);
            let mut lines = self.ledger.lines.all();
            lines.push(Arc::clone(line));
            scale.weigh_receiver(&lines, self.receiver.gauge);
            let len = self.ledger.take_verified();
            if len > 0 || quiet_since.elapsed() >= ALIVE_EVERY {
                line.say_if_idle(&Word::Verified { len });
                quiet_since = Instant::now();
            }
            if is_over {
                return;
            }
        }
    }

    /// How many threads verify what streams have brought.
    fn judge_count(&self) -> usize {
        let is_judged = self.offer.verify != Verify::None && self.landing.is_some();
        let cores = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        if is_judged { cores.min(JUDGE_COUNT_MAX) } else { 0 }
    }

    fn algorithm(&self) -> Option<Algorithm> {
        (self.offer.verify == Verify::Full).then_some(self.offer.algorithm)
    }
}

/// Ends the attempt if a thread of it panics: the others would wait for it.
struct Alarm<'a>(&'a Ledger);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(Err(Error::new(ErrorKind::Other, "a thread of the receiver panicked")));
        }
    }
}

/// Does what may take long, and lets the other side know that this one is there.
fn keeping_alive<T: Send>(line: &Line, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let (sender, done) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while done.recv_timeout(ALIVE_EVERY) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                line.say_if_idle(&Word::Verified { len: 0 });
            }
        });
        let worked = work();
        drop(sender);
        worked
    })
}

/// More than any connection brings work for.
const JUDGE_COUNT_MAX: usize = 16;

/// How long the sender has to hear the end.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// Often enough that what the sender shows moves.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_millis(100);

/// Far below the silence that anybody puts up with.
const ALIVE_EVERY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
