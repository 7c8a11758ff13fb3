//! The compression function of SHA-256 on vectors, one chain in each of their lanes.
//!
//! All of it is inlined into one function, `vectorize`, that is compiled for the instructions of `S`. What is not inlined
//! is compiled without them, which is right and slow: `array::map` is an example, and there are loops here instead.

use fearless_simd::{Simd, SimdInt};

use crate::chain::{Block, State};

/// Takes up to `N` states through their runs of blocks, which are of the same count. `V` has `N` lanes.
pub(super) fn in_lanes<S: Simd, V: SimdInt<S, Element = u32>, const N: usize>(
    simd: S,
    states: &mut [State],
    runs: &[&[Block]],
) {
    const { assert!(V::LEN == N, "a lane for each state") };
    // Idle lanes compute what the first one does, into states that nobody looks at.
    let mut every_state = [states[0]; N];
    let mut every_run = [runs[0]; N];
    every_state[..states.len()].copy_from_slice(states);
    every_run[..runs.len()].copy_from_slice(runs);
    simd.vectorize(
        #[inline(always)]
        || compress::<S, V, N>(simd, &mut every_state, &every_run),
    );
    states.copy_from_slice(&every_state[..states.len()]);
}

#[inline(always)]
fn compress<S: Simd, V: SimdInt<S, Element = u32>, const N: usize>(
    simd: S,
    states: &mut [State; N],
    runs: &[&[Block]; N],
) {
    // Word `i` of each lane's state.
    let mut state = [V::splat(simd, 0); 8];
    for (i, word) in state.iter_mut().enumerate() {
        *word = V::from_fn(
            simd,
            #[inline(always)]
            |lane| states[lane][i],
        );
    }
    for block in 0..runs[0].len() {
        let mut window: [V; 16] = schedule_start(simd, runs, block);
        let mut working = state;
        for (sixteen, constants) in CONSTANTS.as_chunks::<16>().0.iter().enumerate() {
            for i in 0..16 {
                working = round(working, window[i] + constants[i]);
                if sixteen < 3 {
                    window[i] = schedule_next(&window, i);
                }
            }
        }
        for (word, working) in state.iter_mut().zip(working) {
            *word += working;
        }
    }
    for (lane, words) in states.iter_mut().enumerate() {
        for (word, vector) in words.iter_mut().zip(&state) {
            *word = vector[lane];
        }
    }
}

/// Words 0 to 15 of the message schedule: those of the block, with the words of a lane's row turned into its column.
#[inline(always)]
fn schedule_start<S: Simd, V: SimdInt<S, Element = u32>, const N: usize>(
    simd: S,
    runs: &[&[Block]; N],
    block: usize,
) -> [V; 16] {
    let mut window = [V::splat(simd, 0); 16];
    for (part, rows) in window.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (row, run) in rows.iter_mut().zip(runs) {
            let words = &run[block].as_chunks().0[part * N..][..N];
            *row = V::from_fn(
                simd,
                #[inline(always)]
                |i| u32::from_be_bytes(words[i]),
            );
        }
        // Each time, the row's number takes over a bit of the column's.
        for _ in 0..N.ilog2() {
            let before = *rows;
            for i in 0..N / 2 {
                (rows[2 * i], rows[2 * i + 1]) = before[i].interleave(before[i + N / 2]);
            }
        }
    }
    window
}

/// The word of the schedule that is 16 after word `i` of the window; it takes its place there.
#[inline(always)]
fn schedule_next<S: Simd, V: SimdInt<S, Element = u32>>(window: &[V; 16], i: usize) -> V {
    let (near, far) = (window[(i + 14) % 16], window[(i + 1) % 16]);
    let small_1 = rotated(near, 17) ^ rotated(near, 19) ^ (near >> 10);
    let small_0 = rotated(far, 7) ^ rotated(far, 18) ^ (far >> 3);
    window[i] + small_0 + window[(i + 9) % 16] + small_1
}

/// One round, with the names of the standard; `word` is that of the schedule and the constant, added.
#[inline(always)]
fn round<S: Simd, V: SimdInt<S, Element = u32>>([a, b, c, d, e, f, g, h]: [V; 8], word: V) -> [V; 8] {
    let large_1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    let choice = g ^ (e & (f ^ g));
    let first = h + large_1 + choice + word;
    let large_0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    let majority = (a & b) ^ (c & (a ^ b));
    [first + (large_0 + majority), a, b, c, d + first, e, f, g]
}

#[inline(always)]
fn rotated<S: Simd, V: SimdInt<S, Element = u32>>(word: V, right: u32) -> V {
    (word >> right) | (word << (32 - right))
}

/// FIPS 180-4 section 4.2.2.
#[rustfmt::skip]
const CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];
