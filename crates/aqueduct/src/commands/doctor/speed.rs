//! How fast this machine hashes, for a fraction of a second.

use std::io;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use aqueduct_blob::{Algorithm, Hasher};

use super::place::Place;
use super::verdict::Verdict;
use crate::opened::cores;
use crate::text::{rate, size};

pub(super) fn look_sha256(_: &Place) -> Verdict {
    measure(Algorithm::Sha256)
}

pub(super) fn look_blake3(_: &Place) -> Verdict {
    measure(Algorithm::Blake3)
}

fn measure(algorithm: Algorithm) -> Verdict {
    let began = Instant::now();
    let one = rate(hash(algorithm, began), began.elapsed().as_secs_f64());
    let cores = cores();
    let all = (cores > NonZeroUsize::MIN).then(|| on(cores, algorithm));
    judge(one, cores, all)
}

/// Bytes a second on one core; and on all, where there are several: an error where no threads could be had.
pub(super) fn judge(one: u64, cores: NonZeroUsize, all: Option<io::Result<u64>>) -> Verdict {
    let one = size(one);
    match all {
        None => Verdict::good(format!("{one}/s on the one core")),
        Some(Ok(all)) => Verdict::good(format!("{one}/s on one core, {}/s on all {cores}", size(all))),
        Some(Err(error)) => Verdict::note(
            format!("{one}/s on one core; not measured on all {cores}, without threads: {error}"),
            "let this user have more: ulimit -u, TasksMax= in a systemd unit, docker run --pids-limit",
        ),
    }
}

/// How many bytes a second so many threads hash, each a message of its own.
fn on(threads: NonZeroUsize, algorithm: Algorithm) -> io::Result<u64> {
    let began = Instant::now();
    let hashed: u64 = thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, || hash(algorithm, began));
        let hashing: Vec<_> = (0..threads.get()).map(start).collect::<io::Result<_>>()?;
        Ok::<_, io::Error>(hashing.into_iter().map(|thread| thread.join().unwrap_or(0)).sum())
    })?;
    Ok(rate(hashed, began.elapsed().as_secs_f64()))
}

/// Hashes one piece again and again until time is up, and says how many bytes that were.
fn hash(algorithm: Algorithm, began: Instant) -> u64 {
    let piece = vec![0xa5; PIECE_LEN];
    let mut hasher = Hasher::new(algorithm);
    while began.elapsed() < TIME {
        hasher.update(&piece);
    }
    let hashed = hasher.finish();
    hashed.size
}

/// Long enough for the clock of the processor to rise, four times as long short enough for whoever waits.
const TIME: Duration = Duration::from_millis(150);

/// Stays in the caches of the core.
const PIECE_LEN: usize = 256 << 10;
