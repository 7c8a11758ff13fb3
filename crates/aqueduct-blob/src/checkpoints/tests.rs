use proptest::prelude::*;

use super::*;
use crate::hasher::{Hashed, Hasher};
use crate::sample;

fn hashed(algorithm: Algorithm, blob: &[u8]) -> Hashed {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(blob);
    hasher.finish()
}

fn segment(blob: &[u8], index: u64) -> &[u8] {
    let range = segment_range(blob.len() as u64, index);
    &blob[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

/// The indices of the segments of `blob` that `list` does not accept.
fn refused(list: &CheckpointList, digest: &Digest, blob: &[u8]) -> Vec<u64> {
    (0..segment_count(list.size()))
        .filter(|&index| !list.check(digest, index, segment(blob, index)))
        .collect()
}

#[test]
fn every_segment_of_every_size_agrees_with_its_list() {
    for size in sample::SIZES {
        let blob = sample::bytes(size);
        for algorithm in Algorithm::ALL {
            let Hashed { digest, checkpoints, .. } = hashed(algorithm, &blob);
            assert_eq!(refused(&checkpoints, &digest, &blob), [0; 0], "{algorithm} of {size} bytes");
        }
    }
}

#[test]
fn a_segment_of_another_place_len_or_algorithm_is_refused() {
    let blob = sample::bytes(2 * SEGMENT_LEN + 9);
    let [sha256, blake3] = Algorithm::ALL.map(|algorithm| hashed(algorithm, &blob));
    for (own, other) in [(&sha256, &blake3), (&blake3, &sha256)] {
        let (list, digest) = (&own.checkpoints, &own.digest);
        let first = segment(&blob, 0);
        assert!(list.check(digest, 0, first));
        assert!(!list.check(digest, 1, first));
        assert!(!list.check(digest, 2, first));
        assert!(!list.check(digest, 3, &[]));
        assert!(!list.check(digest, u64::MAX, first));
        assert!(!list.check(digest, 0, &first[1..]));
        assert!(!list.check(digest, 0, &blob[..first.len() + 1]));
        assert!(!list.check(digest, 2, &[]));
        assert!(!list.check(&other.digest, 0, first));
    }
}

#[test]
fn only_a_blake3_list_of_several_segments_proves_a_digest() {
    let blob = sample::bytes(2 * SEGMENT_LEN + 9);
    let [sha256, blake3] = Algorithm::ALL.map(|algorithm| hashed(algorithm, &blob));
    assert!(blake3.checkpoints.proves(&blake3.digest));
    assert!(!sha256.checkpoints.proves(&sha256.digest));
    assert!(!blake3.checkpoints.proves(&Digest::new(Algorithm::Sha256, *blake3.digest.as_bytes())));
    assert!(!blake3.checkpoints.proves(&Digest::new(Algorithm::Blake3, *sha256.digest.as_bytes())));
    let small = hashed(Algorithm::Blake3, b"abc");
    assert!(!small.checkpoints.proves(&small.digest));
}

#[test]
fn a_list_has_the_count_of_entries_that_its_size_asks_for() {
    let cases = [
        (0, 0, 0),
        (SEGMENT_LEN, 0, 0),
        (SEGMENT_LEN + 1, 1, 2),
        (2 * SEGMENT_LEN, 1, 2),
        (2 * SEGMENT_LEN + 1, 2, 3),
    ];
    for (size, sha256, blake3) in cases {
        for (algorithm, expected) in [(Algorithm::Sha256, sha256), (Algorithm::Blake3, blake3)] {
            for actual in 0..5 {
                let list = CheckpointList::new(algorithm, size, vec![[7; 32]; actual]);
                let actual = actual as u64;
                if actual == expected {
                    assert_eq!(list.unwrap().entries().len() as u64, expected);
                } else {
                    assert_eq!(list, Err(CheckpointListError::WrongCount { expected, actual }));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_flipped_bit_is_found_in_its_segment_and_in_no_other(
        size in 1..3 * SEGMENT_LEN,
        place: prop::sample::Index,
        bit in 0..8,
        blake3: bool,
    ) {
        let mut blob = sample::bytes(size);
        let Hashed { digest, checkpoints, .. } =
            hashed(if blake3 { Algorithm::Blake3 } else { Algorithm::Sha256 }, &blob);
        let place = place.index(blob.len());
        blob[place] ^= 1_u8 << bit;
        prop_assert_eq!(refused(&checkpoints, &digest, &blob), [place as u64 / SEGMENT_LEN]);
    }
}
