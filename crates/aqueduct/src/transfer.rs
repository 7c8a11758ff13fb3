//! A side of a transfer as people and scripts see it: what it is told by signals, what it shows meanwhile, and what it says
//! came of it.

mod events;
mod glance;
mod invitation;
mod pace;
mod sight;
mod signals;
mod summary;
mod teller;

use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use aqueduct_transfer::{Error, ErrorKind, Gauge, Options, Report, Times, Watch};

pub(crate) use self::invitation::Invitation;
use self::signals::Closing;
use self::teller::Teller;
use crate::fault::Fault;
use crate::flags;
use crate::output::Output;
use crate::voice::Voice;

/// What a side shows, and where.
#[derive(Debug)]
pub(crate) struct Side {
    /// What it says to the other side where it listens.
    pub(crate) invitation: Invitation,
    /// Where events go, as `--json` has them; else people are spoken to.
    pub(crate) events: Option<To>,
    /// What to call what is moved, while nobody else says.
    pub(crate) name: String,
    /// Whether each digest is printed, and what its path begins with.
    pub(crate) print_digests: Option<Prefix>,
    /// Bytes a second, at most.
    pub(crate) limit: Option<NonZeroU64>,
    pub(crate) is_dry_run: bool,
}

/// What the path of something that arrived begins with, as it is found from here.
#[derive(Clone, Debug)]
pub(crate) enum Prefix {
    /// It is below this directory.
    Below(PathBuf),
    /// This is its first name, in place of the sender's.
    InPlaceOfFirst(PathBuf),
}

impl Prefix {
    fn path(&self, sent: &[u8]) -> PathBuf {
        match self {
            Self::Below(place) => place.join(OsStr::from_bytes(sent)),
            Self::InPlaceOfFirst(place) => {
                let rest = sent.iter().position(|byte| *byte == b'/').map(|at| &sent[at + 1..]);
                rest.map_or_else(|| place.clone(), |rest| place.join(OsStr::from_bytes(rest)))
            }
        }
    }
}

/// A stream of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Stdout,
    /// Where the bytes that are received go to standard output.
    Stderr,
}

/// Runs `work`, and shows what it does. Its options have `stop`, which signals set.
pub(crate) fn run(
    side: &Side,
    stop: &AtomicBool,
    voice: &Voice,
    output: &mut Output<'_>,
    work: impl FnOnce(&Gauge, &dyn Watch) -> Result<Report, Error>,
) -> Result<(), Fault> {
    let gauge = Gauge::default();
    let teller = Teller::new(side, &gauge, voice, output);
    let mut signals = signals::catch()?;
    let (closing, first) = (Closing(signals.handle()), OnceLock::new());
    let done = thread::scope(|scope| {
        scope.spawn(|| signals::obey(&mut signals, &first, stop, &teller));
        // Dropped when the work is done: that ends the threads.
        let _closing = closing;
        let (_running, over) = mpsc::channel();
        let teller = &teller;
        scope.spawn(move || sight::show(teller, &over));
        work(&gauge, teller)
    });
    let told = match done {
        Ok(report) => teller.done(&report),
        Err(error) => Err(match first.get() {
            Some(&signal) if error.kind() == ErrorKind::Stopped => {
                Fault::Stopped { signal, is_resumable: error.is_resumable() }
            }
            _ => error.into(),
        }),
    };
    told.inspect_err(|fault| teller.failed(fault))
}

/// What both sides are told, with what sets its `stop`.
pub(crate) fn options(flags: &flags::Transfer, stop: &Arc<AtomicBool>) -> Options {
    Options {
        streams: flags.streams,
        rate: flags.bwlimit.map(|limit| limit.0),
        times: Times {
            idle: flags.timeout.0,
            retry_count_max: flags.retry,
            deadline: flags.deadline.map(|deadline| deadline.0),
        },
        dry_run: flags.dry_run,
        stop: Arc::clone(stop),
    }
}

#[cfg(test)]
mod tests;
