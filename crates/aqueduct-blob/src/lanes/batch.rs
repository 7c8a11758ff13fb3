//! Small blobs in a batch: a lane that has come to the end of one goes on with the next.

use std::cmp::Reverse;

use super::{LANES_MAX, Lanes};
use crate::chain::{self, Block, INITIAL_STATE, State};
use crate::digest::{Algorithm, Digest};

/// Hashes each of `blobs`, of whatever sizes, and gives their digests in the same order.
///
/// Made for many small ones: SHA-256 of them is computed in lanes, as far as this machine has them. For one blob, or for
/// BLAKE3, which finds its lanes within a blob, this is no faster than a [`Hasher`](crate::Hasher) for each.
pub fn hash_together(algorithm: Algorithm, blobs: &[&[u8]]) -> Vec<Digest> {
    match algorithm {
        Algorithm::Sha256 => in_lanes(Lanes::detect(), blobs),
        Algorithm::Blake3 => {
            let digest = |blob: &&[u8]| Digest::new(algorithm, blake3::hash(blob).into());
            blobs.iter().map(digest).collect()
        }
    }
}

/// Hashes each of `blobs`, as [`hash_together`] does, by an algorithm of its own.
pub fn hash_each(blobs: &[(Algorithm, &[u8])]) -> Vec<Digest> {
    let mut digests = vec![None; blobs.len()];
    for algorithm in Algorithm::ALL {
        let (places, alike): (Vec<_>, Vec<_>) = (blobs.iter().enumerate())
            .filter_map(|(place, &(of, blob))| (of == algorithm).then_some((place, blob)))
            .unzip();
        for (place, digest) in places.into_iter().zip(hash_together(algorithm, &alike)) {
            digests[place] = Some(digest);
        }
    }
    digests.into_iter().map(|digest| digest.expect("there is no other algorithm")).collect()
}

pub(super) fn in_lanes(lanes: Lanes, blobs: &[&[u8]]) -> Vec<Digest> {
    let mut digests = vec![Digest::new(Algorithm::Sha256, [0; 32]); blobs.len()];
    // The largest first: whatever comes last is alone for a short time only.
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_unstable_by_key(|&place| Reverse(blobs[place].len()));
    let mut waiting = order.iter().map(|&place| Lane::begin(place, blobs[place]));
    let mut busy: Vec<Lane<'_>> = waiting.by_ref().take(lanes.count()).collect();
    while !busy.is_empty() {
        advance(lanes, &mut busy);
        busy.retain_mut(|lane| {
            if !lane.ahead().is_empty() {
                return true;
            }
            digests[lane.place] = Digest::new(Algorithm::Sha256, chain::bytes(lane.state));
            match waiting.next() {
                Some(next) => {
                    *lane = next;
                    true
                }
                None => false,
            }
        });
    }
    digests
}

/// Takes all lanes as far as the first of them gets.
fn advance(lanes: Lanes, busy: &mut [Lane<'_>]) {
    let mut states = [INITIAL_STATE; LANES_MAX];
    let mut runs: [&[Block]; LANES_MAX] = [&[]; LANES_MAX];
    let (states, runs) = (&mut states[..busy.len()], &mut runs[..busy.len()]);
    let count = busy.iter().map(|lane| lane.ahead().len()).min().unwrap_or(0);
    for ((state, run), lane) in states.iter_mut().zip(runs.iter_mut()).zip(busy.iter()) {
        *state = lane.state;
        *run = &lane.ahead()[..count];
    }
    lanes.compress(states, runs);
    for (state, lane) in states.iter().zip(busy) {
        lane.state = *state;
        lane.pass(count);
    }
}

/// A blob on its way through a lane.
struct Lane<'a> {
    /// Among the blobs.
    place: usize,
    state: State,
    /// The whole blocks that are still ahead, where they lie.
    body: &'a [Block],
    /// What comes after them: the first `ending_count`, of which `ending_passed` are behind.
    ending: [Block; 2],
    ending_count: usize,
    ending_passed: usize,
}

impl<'a> Lane<'a> {
    fn begin(place: usize, blob: &'a [u8]) -> Self {
        let (body, ragged) = blob.as_chunks();
        let (ending, ending_count) = chain::ending(ragged, blob.len() as u64);
        Self { place, state: INITIAL_STATE, body, ending, ending_count, ending_passed: 0 }
    }

    /// The blocks that can be hashed next without looking elsewhere; none when the state is that of the whole.
    fn ahead(&self) -> &[Block] {
        if self.body.is_empty() { &self.ending[self.ending_passed..self.ending_count] } else { self.body }
    }

    /// Leaves the first `count` blocks of those ahead behind.
    fn pass(&mut self, count: usize) {
        if self.body.is_empty() {
            self.ending_passed += count;
        } else {
            self.body = &self.body[count..];
        }
    }
}

#[cfg(test)]
mod tests;
