//! A whole `send` or `recv`: attempts, one after the other, until one succeeds or none ever will.

mod bare;
mod fetching;
mod receiving;
mod sending;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::line::{Line, Patience, TICK};
use crate::listen::{Listener, Visitor};
use crate::meet::{self, Purpose};
use crate::streams::More;
use crate::ticket::Host;
use crate::{Error, ErrorKind, Event, Gauge, Options, Report, Ticket, Watch};

pub(crate) use receiving::recv;
pub(crate) use sending::send;

/// What the loops of both sides share.
#[derive(Clone, Copy)]
struct Session<'a> {
    options: &'a Options,
    gauge: &'a Gauge,
    watch: &'a dyn Watch,
    patience: &'a Patience,
}

fn patience(options: &Options) -> Patience {
    Patience {
        idle: options.times.idle,
        stop: Arc::clone(&options.stop),
        over: Arc::new(AtomicBool::new(false)),
        until: options.times.deadline.map(|deadline| Instant::now() + deadline),
        pulse: Arc::default(),
    }
}

impl Session<'_> {
    /// Connects and attempts, again where the connection is lost, until an attempt succeeds.
    fn connect_until_done(
        &self,
        ticket: &Ticket,
        purpose: Purpose,
        attempt: &dyn Fn(Line, &More<'_>) -> Result<Report, Error>,
    ) -> Result<Report, Error> {
        let began = Instant::now();
        let mut count = 0;
        let mut has_met = false;
        self.watch.hear(&Event::Phase(crate::Phase::Connect));
        loop {
            let failed = match meet::connect(ticket, &purpose, self.patience) {
                Ok(line) => {
                    has_met = true;
                    self.connected(line.peer);
                    // Where one of several hosts of a ticket answers, the others are not tried again.
                    let hosts = vec![Host::Address(line.peer.ip())];
                    let more = More::Dial(Ticket { hosts, ..ticket.clone() });
                    match attempt(line, &more) {
                        Ok(report) => return Ok(Report { elapsed: began.elapsed(), ..report }),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // Who was never there is not waited for.
            if failed.kind() != ErrorKind::Network || !has_met {
                return Err(failed);
            }
            if self.gauge.verified() > 0 {
                count = 0;
            }
            count += 1;
            if count > self.options.times.retry_count_max {
                return Err(failed);
            }
            self.pause(count, &failed)?;
        }
    }

    fn connected(&self, peer: SocketAddr) {
        self.watch.hear(&Event::Connected { peer, dialect: "native" });
    }

    /// Waits before the next try, longer each time.
    fn pause(&self, count: u32, why: &Error) -> Result<(), Error> {
        let pause = (PAUSE * (1 << (count - 1).min(6))).min(PAUSE_MAX);
        let count_max = self.options.times.retry_count_max;
        let why = crate::error::with_causes(why);
        self.watch.hear(&Event::Retry { count, count_max, why: &why, pause });
        // Nothing was counted in the attempt to come.
        self.gauge.begin_attempt();
        self.patience.wait(pause)
    }

    /// Waits for the next visitor.
    fn next(&self, visitors: &Receiver<Visitor>) -> Result<Visitor, Error> {
        loop {
            self.patience.check_stop()?;
            match visitors.recv_timeout(TICK) {
                Ok(visitor) => return Ok(visitor),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Other, "nobody listens any more"));
                }
            }
        }
    }

    /// Whether whoever listens goes on waiting after an attempt that failed: the other side may come again, and go on where
    /// it was.
    fn waits_on(&self, error: &Error) -> bool {
        let is_theirs = error.is_of_peer()
            && matches!(
                error.kind(),
                ErrorKind::Exists
                    | ErrorKind::NoSpace
                    | ErrorKind::Stopped
                    | ErrorKind::Refused
                    | ErrorKind::Local
            );
        let waits = error.kind() == ErrorKind::Network || is_theirs;
        if waits {
            let why = crate::error::with_causes(error);
            self.watch.hear(&Event::Note(&format!("{why}; waiting for the other side to come again")));
        }
        waits
    }
}

/// Tells everybody who waits at a port that it closes, however the work at it ended.
struct Closing<'a>(&'a AtomicBool, &'a Listener);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.close();
    }
}

/// The first pause; each further one without progress is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);
