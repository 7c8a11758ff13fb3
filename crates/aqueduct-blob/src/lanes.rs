//! SHA-256 of several messages at once, in one thread.
//!
//! In one chain each round waits for the round before. Chains have nothing to wait for from each other, so the same
//! round of many is computed in the lanes of wide registers. That pays for messages that are there at the same time:
//! small blobs in a batch, and the segments of one blob, whose states the checkpoints tell.
//!
//! Which instructions there are is found out at run time, by a crate that gives out its types as the proof of it. So
//! there is no unsafe code here.

mod batch;
#[cfg(target_arch = "x86_64")]
mod compress;

#[cfg(target_arch = "x86_64")]
use std::arch::is_x86_feature_detected;

#[cfg(target_arch = "x86_64")]
use fearless_simd::{Avx2, Avx512, Level, u32x8, u32x16};
use sha2::block_api::compress256;

pub use self::batch::{hash_each, hash_together};
use crate::chain::{Block, State};

/// How many chains a thread computes at once, and by which instructions.
#[derive(Clone, Copy, Debug)]
pub struct Lanes(Width);

#[derive(Clone, Copy, Debug)]
enum Width {
    One,
    #[cfg(target_arch = "x86_64")]
    Eight(Avx2),
    #[cfg(target_arch = "x86_64")]
    Sixteen(Avx512),
}

impl Lanes {
    /// One chain after the other, which is right on every machine.
    pub const ONE: Self = Self(Width::One);

    /// What is fastest on this machine: 16 lanes where it has the AVX-512 of Ice Lake and later, 8 where it has AVX2 and
    /// no SHA instructions, and else one.
    ///
    /// Eight lanes of AVX2 are slower than one with SHA instructions, and three times as fast as one without.
    #[cfg(target_arch = "x86_64")]
    pub fn detect() -> Self {
        let level = Level::new();
        if let Some(avx512) = level.as_avx512() {
            return Self(Width::Sixteen(avx512));
        }
        match level.as_avx2() {
            Some(avx2) if !is_x86_feature_detected!("sha") => Self(Width::Eight(avx2)),
            _ => Self::ONE,
        }
    }

    /// What is fastest on this machine: one chain after the other.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn detect() -> Self {
        Self::ONE
    }

    /// The count of chains that are computed at once.
    pub const fn count(self) -> usize {
        match self.0 {
            Width::One => 1,
            #[cfg(target_arch = "x86_64")]
            Width::Eight(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Width::Sixteen(_) => 16,
        }
    }

    /// From how many chains on all lanes together, some of them idle, take less time than one chain after the other.
    pub(crate) const fn worth(self) -> usize {
        match self.0 {
            Width::One => 1,
            #[cfg(target_arch = "x86_64")]
            Width::Eight(_) => 3,
            #[cfg(target_arch = "x86_64")]
            Width::Sixteen(_) => 9,
        }
    }

    /// Takes each state through its blocks, as FIPS 180-4 section 6.2.2 says. There are as many runs of blocks as
    /// states, and all are of the same count.
    pub(crate) fn compress(self, states: &mut [State], runs: &[&[Block]]) {
        assert_eq!(states.len(), runs.len(), "each state has its blocks");
        let even = runs.windows(2).all(|pair| pair[0].len() == pair[1].len());
        assert!(even, "the chains are computed up to the same block");
        for (states, runs) in states.chunks_mut(self.count()).zip(runs.chunks(self.count())) {
            match self.0 {
                #[cfg(target_arch = "x86_64")]
                Width::Eight(avx2) if states.len() >= self.worth() => {
                    compress::in_lanes::<_, u32x8<_>, 8>(avx2, states, runs);
                }
                #[cfg(target_arch = "x86_64")]
                Width::Sixteen(avx512) if states.len() >= self.worth() => {
                    compress::in_lanes::<_, u32x16<_>, 16>(avx512, states, runs);
                }
                _ => {
                    for (state, run) in states.iter_mut().zip(runs) {
                        compress256(state, run);
                    }
                }
            }
        }
    }
}

/// The most lanes that any machine has.
pub(crate) const LANES_MAX: usize = 16;

#[cfg(test)]
pub(crate) mod tests;
