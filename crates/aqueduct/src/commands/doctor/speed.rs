//! How fast this machine hashes, for a fraction of a second.

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
    let one = on(NonZeroUsize::MIN, algorithm);
    let cores = cores();
    if cores == NonZeroUsize::MIN {
        return Verdict::good(format!("{}/s on the one core", size(one)));
    }
    Verdict::good(format!("{}/s on one core, {}/s on all {cores}", size(one), size(on(cores, algorithm))))
}

/// How many bytes a second so many threads hash, each a message of its own.
fn on(threads: NonZeroUsize, algorithm: Algorithm) -> u64 {
    let began = Instant::now();
    let hashed: u64 = thread::scope(|scope| {
        let hashing: Vec<_> = (0..threads.get()).map(|_| scope.spawn(|| hash(algorithm, began))).collect();
        hashing.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    rate(hashed, began.elapsed().as_secs_f64())
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
