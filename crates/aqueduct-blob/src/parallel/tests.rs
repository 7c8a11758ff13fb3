use std::sync::atomic::AtomicU64;
use std::sync::{Barrier, Mutex};
use std::thread::ThreadId;

use proptest::prelude::*;

use super::*;
use crate::lanes::tests::every_width;
use crate::sample::{self, reader};
use crate::segment::SEGMENT_LEN;

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();
const MANY: NonZeroUsize = NonZeroUsize::new(9).unwrap();

const KEPT: Verdict = Verdict::Intact { checkpoints: None };

fn hashed(algorithm: Algorithm, blob: &[u8]) -> Hashed {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(blob);
    hasher.finish()
}

fn verified(good: &Hashed, list: Option<&CheckpointList>, threads: NonZeroUsize, blob: &[u8]) -> Verdict {
    verify(&good.digest, blob.len() as u64, list, threads, reader(blob)).unwrap()
}

/// What [`verify_in`] finds on one thread and on two, whatever the lanes.
fn verified_in_every_width(good: &Hashed, blob: &[u8]) -> Verdict {
    let verify = |lanes, threads| {
        let list = Some(&good.checkpoints);
        verify_in(lanes, &good.digest, blob.len() as u64, list, threads, reader(blob)).unwrap()
    };
    let expected = verify(Lanes::ONE, ONE);
    for lanes in every_width() {
        for threads in [ONE, TWO] {
            assert_eq!(verify(lanes, threads), expected, "{lanes:?} on {threads} threads");
        }
    }
    expected
}

fn flip(blob: &mut [u8], place: u64) {
    blob[usize::try_from(place).unwrap()] ^= 0x10;
}

#[test]
fn every_size_hashes_on_any_count_of_threads_as_on_one() {
    for size in sample::SIZES {
        let blob = sample::bytes(size);
        for algorithm in Algorithm::ALL {
            for threads in [ONE, TWO, MANY] {
                let found = hash(algorithm, size, threads, reader(&blob)).unwrap();
                assert_eq!(
                    found,
                    hashed(algorithm, &blob),
                    "{algorithm} of {size} bytes on {threads} threads"
                );
            }
        }
    }
}

#[test]
fn every_size_is_found_intact_with_its_list_and_without() {
    for size in sample::SIZES {
        let blob = sample::bytes(size);
        for algorithm in Algorithm::ALL {
            let good = hashed(algorithm, &blob);
            let list = &good.checkpoints;
            let rebuilt = (!list.entries().is_empty()).then(|| list.clone());
            for threads in [ONE, TWO, MANY] {
                assert_eq!(verified(&good, Some(list), threads, &blob), KEPT);
                let without = verified(&good, None, threads, &blob);
                assert_eq!(without, Verdict::Intact { checkpoints: rebuilt.clone() });
            }
        }
    }
}

#[test]
fn damage_is_named_by_segment_and_neighbours_are_joined() {
    let size = 6 * SEGMENT_LEN + 100;
    let blob = sample::bytes(size);
    for algorithm in Algorithm::ALL {
        let good = hashed(algorithm, &blob);
        let mut rotten = blob.clone();
        for segment in [0, 2, 3, 6] {
            flip(&mut rotten, segment * SEGMENT_LEN + 17);
        }
        let expected = Verdict::Damaged {
            ranges: vec![0..SEGMENT_LEN, 2 * SEGMENT_LEN..4 * SEGMENT_LEN, 6 * SEGMENT_LEN..size],
            actual: hashed(algorithm, &rotten).digest,
        };
        for threads in [ONE, TWO, MANY] {
            assert_eq!(verified(&good, Some(&good.checkpoints), threads, &rotten), expected);
        }
    }
}

#[test]
fn without_a_list_damage_is_somewhere_in_the_whole() {
    for size in [0, 1, SEGMENT_LEN, SEGMENT_LEN + 1] {
        let blob = sample::bytes(size);
        for algorithm in Algorithm::ALL {
            let other = hashed(algorithm, b"another blob");
            let actual = hashed(algorithm, &blob).digest;
            let expected = Verdict::Damaged { ranges: iter::once(0..size).collect(), actual };
            assert_eq!(verified(&other, None, TWO, &blob), expected);
        }
    }
}

#[test]
fn a_list_of_another_blob_size_or_algorithm_is_replaced_and_condemns_nothing() {
    let size = 2 * SEGMENT_LEN + 9;
    let blob = sample::bytes(size);
    let mut other = blob.clone();
    flip(&mut other, 3);
    for algorithm in Algorithm::ALL {
        let good = hashed(algorithm, &blob);
        let entries = good.checkpoints.entries().to_vec();
        let strangers = [Algorithm::Sha256, Algorithm::Blake3]
            .map(|stranger| hashed(stranger, &other).checkpoints)
            .into_iter()
            .chain([
                hashed(algorithm, &blob[1..]).checkpoints,
                hashed(algorithm, &blob[..100]).checkpoints,
                CheckpointList::new(algorithm, size + 1, entries).unwrap(),
            ]);
        for list in strangers {
            let rebuilt = Verdict::Intact { checkpoints: Some(good.checkpoints.clone()) };
            assert_eq!(verified(&good, Some(&list), TWO, &blob), rebuilt, "{algorithm}, {list:?}");
        }
    }
}

#[test]
fn a_list_that_a_small_blob_should_not_have_is_replaced_by_an_empty_one() {
    for algorithm in Algorithm::ALL {
        let small = hashed(algorithm, b"small");
        let stranger = hashed(algorithm, &sample::bytes(SEGMENT_LEN + 1)).checkpoints;
        let replaced = Verdict::Intact { checkpoints: Some(small.checkpoints.clone()) };
        assert_eq!(verified(&small, Some(&stranger), TWO, b"small"), replaced);
    }
}

/// Every inner segment leads from its entry to the next, and yet the chain is not that of the digest.
#[test]
fn a_list_made_from_the_damaged_bytes_does_not_save_them() {
    let blob = sample::bytes(3 * SEGMENT_LEN);
    let mut rotten = blob.clone();
    flip(&mut rotten, 5);
    for algorithm in Algorithm::ALL {
        let forged = hashed(algorithm, &rotten);
        let verdict = verified(&hashed(algorithm, &blob), Some(&forged.checkpoints), TWO, &rotten);
        let Verdict::Damaged { actual, ranges } = verdict else { panic!("{algorithm}: {verdict:?}") };
        assert_eq!(actual, forged.digest);
        assert!(!ranges.is_empty());
    }
}

/// The chain is consistent from its second segment to its last but one, from a state that the blob never had.
#[test]
fn a_list_that_is_wrong_in_every_entry_condemns_nothing() {
    let blob = sample::bytes(4 * SEGMENT_LEN);
    let mut other = blob.clone();
    flip(&mut other, 5);
    let good = hashed(Algorithm::Sha256, &blob);
    let wrong = hashed(Algorithm::Sha256, &other).checkpoints;
    assert!(wrong.entries().iter().zip(good.checkpoints.entries()).all(|(wrong, good)| wrong != good));
    let rebuilt = Verdict::Intact { checkpoints: Some(good.checkpoints.clone()) };
    assert_eq!(verified(&good, Some(&wrong), TWO, &blob), rebuilt);
}

#[test]
fn a_list_of_the_other_algorithm_names_nothing() {
    let size = 3 * SEGMENT_LEN;
    let mut blob = sample::bytes(size);
    let [sha256, blake3] = Algorithm::ALL.map(|algorithm| hashed(algorithm, &blob));
    flip(&mut blob, 0);
    for (own, other) in [(&sha256, &blake3), (&blake3, &sha256)] {
        let verdict = verified(own, Some(&other.checkpoints), TWO, &blob);
        let Verdict::Damaged { ranges, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(ranges, iter::once(0..size).collect::<Vec<_>>());
    }
}

#[test]
fn an_unprovable_blake3_list_names_nothing() {
    let size = 3 * SEGMENT_LEN;
    let mut blob = sample::bytes(size);
    let good = hashed(Algorithm::Blake3, &blob);
    let mut entries = good.checkpoints.entries().to_vec();
    entries[1][0] ^= 1;
    let list = CheckpointList::new(Algorithm::Blake3, size, entries).unwrap();
    flip(&mut blob, 0);
    let Verdict::Damaged { ranges, .. } = verified(&good, Some(&list), TWO, &blob) else {
        panic!("not damaged")
    };
    assert_eq!(ranges, iter::once(0..size).collect::<Vec<_>>());
}

#[test]
fn each_byte_is_read_once_in_small_pieces() {
    for size in sample::SIZES {
        let blob = sample::bytes(size);
        let Hashed { digest, checkpoints, .. } = hashed(Algorithm::Sha256, &blob);
        let pieces = Mutex::new(Vec::new());
        let read = reader(&blob);
        let verdict = verify(&digest, size, Some(&checkpoints), TWO, |offset, buffer: &mut [u8]| {
            pieces.lock().unwrap().push((offset, buffer.len()));
            read(offset, buffer)
        });
        assert_eq!(verdict, Ok(KEPT));
        let mut pieces = pieces.into_inner().unwrap();
        pieces.sort_unstable();
        let mut end = 0;
        for (offset, len) in pieces {
            assert_eq!(offset, end);
            assert!((1..=READ_LEN).contains(&len));
            end += len as u64;
        }
        assert_eq!(end, size);
    }
}

#[test]
fn one_thread_is_the_callers_own() {
    let blob = sample::bytes(3 * SEGMENT_LEN);
    for algorithm in Algorithm::ALL {
        let Hashed { digest, checkpoints, .. } = hashed(algorithm, &blob);
        let caller: ThreadId = thread::current().id();
        let read = reader(&blob);
        let verdict =
            verify(&digest, blob.len() as u64, Some(&checkpoints), ONE, |offset, buffer: &mut [u8]| {
                assert_eq!(thread::current().id(), caller);
                read(offset, buffer)
            });
        assert_eq!(verdict, Ok(KEPT));
    }
}

#[test]
fn two_threads_read_two_segments_at_once() {
    let blob = sample::bytes(2 * SEGMENT_LEN);
    for algorithm in Algorithm::ALL {
        let Hashed { digest, checkpoints, .. } = hashed(algorithm, &blob);
        // Lets nobody pass before the first read of each segment has been asked for.
        let both = Barrier::new(2);
        let read = reader(&blob);
        let verdict =
            verify(&digest, blob.len() as u64, Some(&checkpoints), TWO, |offset, buffer: &mut [u8]| {
                if offset.is_multiple_of(SEGMENT_LEN) {
                    both.wait();
                }
                read(offset, buffer)
            });
        assert_eq!(verdict, Ok(KEPT));
    }
}

/// Enough segments to fill the lanes of every machine, and a few more.
const LARGE: u64 = (LANES_MAX as u64 + 2) * SEGMENT_LEN + 100;

#[test]
fn damage_in_any_lane_is_named_and_in_no_other() {
    let mut blob = sample::bytes(LARGE);
    let good = hashed(Algorithm::Sha256, &blob);
    assert_eq!(verified_in_every_width(&good, &blob), KEPT);
    for first in [0, 1] {
        let rotten = (first..segment_count(LARGE)).step_by(2);
        for index in rotten.clone() {
            flip(&mut blob, index * SEGMENT_LEN + index);
        }
        let Verdict::Damaged { ranges, actual } = verified_in_every_width(&good, &blob) else {
            panic!("the blob is damaged")
        };
        assert_eq!(ranges, rotten.clone().map(|index| segment_range(LARGE, index)).collect::<Vec<_>>());
        assert_eq!(actual, hashed(Algorithm::Sha256, &blob).digest);
        for index in rotten {
            flip(&mut blob, index * SEGMENT_LEN + index);
        }
    }
}

#[test]
fn a_wrong_entry_between_two_lanes_is_repaired() {
    let blob = sample::bytes(LARGE);
    let good = hashed(Algorithm::Sha256, &blob);
    let mut entries = good.checkpoints.entries().to_vec();
    entries[7][31] ^= 1;
    let list = CheckpointList::new(Algorithm::Sha256, LARGE, entries).unwrap();
    let repaired = Verdict::Intact { checkpoints: Some(good.checkpoints.clone()) };
    let claimed = Hashed { checkpoints: list, ..good };
    assert_eq!(verified_in_every_width(&claimed, &blob), repaired);
}

#[test]
fn as_many_segments_as_there_are_lanes_are_read_side_by_side() {
    let blob = sample::bytes(LARGE);
    let Hashed { digest, checkpoints, .. } = hashed(Algorithm::Sha256, &blob);
    for lanes in every_width() {
        let offsets = Mutex::new(Vec::new());
        let read = reader(&blob);
        let verdict =
            verify_in(lanes, &digest, LARGE, Some(&checkpoints), ONE, |offset, buffer: &mut [u8]| {
                offsets.lock().unwrap().push(offset);
                read(offset, buffer)
            });
        assert_eq!(verdict, Ok(KEPT));
        let beginnings: Vec<u64> = (0..lanes.count() as u64).map(|index| index * SEGMENT_LEN).collect();
        assert_eq!(offsets.into_inner().unwrap()[..lanes.count()], beginnings, "{lanes:?}");
    }
}

#[test]
fn an_error_in_one_lane_ends_all_of_them() {
    // Whoever does not stop hashes this blob for years.
    let count = 1 << 20;
    let size = count * SEGMENT_LEN;
    let list = CheckpointList::new(Algorithm::Sha256, size, vec![[0; 32]; (1 << 20) - 1]).unwrap();
    let failing = |offset: u64, _: &mut [u8]| if offset == 5 * SEGMENT_LEN { Err(offset) } else { Ok(()) };
    let digest = Digest::new(Algorithm::Sha256, [0; 32]);
    for lanes in every_width() {
        for threads in [ONE, TWO, MANY] {
            let verdict = verify_in(lanes, &digest, size, Some(&list), threads, failing);
            assert_eq!(verdict, Err(5 * SEGMENT_LEN), "{lanes:?}");
        }
    }
}

#[test]
fn an_error_of_a_read_ends_everything_and_is_returned() {
    // Whoever does not stop hashes this blob for years.
    let size = 1 << 60;
    let failing = |offset: u64, _: &mut [u8]| if offset == 3 * SEGMENT_LEN { Err(offset) } else { Ok(()) };
    for algorithm in Algorithm::ALL {
        for threads in [ONE, TWO, MANY] {
            let digest = Digest::new(algorithm, [0; 32]);
            assert_eq!(verify(&digest, size, None, threads, failing), Err(3 * SEGMENT_LEN));
            assert_eq!(hash(algorithm, size, threads, failing), Err(3 * SEGMENT_LEN));
        }
    }
}

#[test]
fn nothing_is_read_after_an_error() {
    let blob = sample::bytes(3 * SEGMENT_LEN);
    for algorithm in Algorithm::ALL {
        let Hashed { digest, checkpoints, .. } = hashed(algorithm, &blob);
        let count = AtomicU64::new(0);
        let failing = |_: u64, _: &mut [u8]| Err(count.fetch_add(1, Ordering::Relaxed));
        let error = verify(&digest, blob.len() as u64, Some(&checkpoints), ONE, failing);
        assert_eq!(error, Err(0));
        assert_eq!(count.into_inner(), 1);
    }
}

#[test]
fn a_read_that_fails_in_the_middle_fails_the_whole() {
    let blob = sample::bytes(3 * SEGMENT_LEN);
    for algorithm in Algorithm::ALL {
        let Hashed { digest, checkpoints, .. } = hashed(algorithm, &blob);
        let read = reader(&blob);
        let failing = |offset: u64, buffer: &mut [u8]| match offset {
            0..SEGMENT_LEN => read(offset, buffer).map_err(|_| 0),
            _ => Err(offset),
        };
        for list in [None, Some(&checkpoints)] {
            let error = verify(&digest, blob.len() as u64, list, ONE, failing).unwrap_err();
            assert_eq!(error, SEGMENT_LEN);
        }
        assert_eq!(hash(algorithm, blob.len() as u64, ONE, failing).unwrap_err(), SEGMENT_LEN);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_flipped_bit_condemns_exactly_its_segment(
        size in SEGMENT_LEN + 1..4 * SEGMENT_LEN,
        place: prop::sample::Index,
        bit in 0..8,
        blake3: bool,
    ) {
        let algorithm = if blake3 { Algorithm::Blake3 } else { Algorithm::Sha256 };
        let mut blob = sample::bytes(size);
        let good = hashed(algorithm, &blob);
        let place = place.index(blob.len());
        blob[place] ^= 1_u8 << bit;
        let ranges = iter::once(segment_range(size, place as u64 / SEGMENT_LEN)).collect();
        let actual = hashed(algorithm, &blob).digest;
        let verdict = verified(&good, Some(&good.checkpoints), TWO, &blob);
        prop_assert_eq!(verdict, Verdict::Damaged { ranges, actual });
    }

    #[test]
    fn any_flipped_bit_in_the_list_condemns_nothing_and_is_repaired(
        size in SEGMENT_LEN + 1..5 * SEGMENT_LEN,
        entry: prop::sample::Index,
        byte in 0..32_usize,
        bit in 0..8,
        blake3: bool,
    ) {
        let algorithm = if blake3 { Algorithm::Blake3 } else { Algorithm::Sha256 };
        let blob = sample::bytes(size);
        let good = hashed(algorithm, &blob);
        let mut entries = good.checkpoints.entries().to_vec();
        let entry = entry.index(entries.len());
        entries[entry][byte] ^= 1_u8 << bit;
        let list = CheckpointList::new(algorithm, size, entries).unwrap();
        let repaired = Verdict::Intact { checkpoints: Some(good.checkpoints.clone()) };
        prop_assert_eq!(verified(&good, Some(&list), TWO, &blob), repaired);
    }
}
