mod model;

use super::*;
use crate::hasher::Hasher;
use crate::sample::{SIZES, bytes};

/// A blob, whole, with what its sender would claim.
struct Sent {
    bytes: Vec<u8>,
    hashed: Hashed,
}

impl Sent {
    fn new(algorithm: Algorithm, size: u64) -> Self {
        let bytes = bytes(size);
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        Self { bytes, hashed: hasher.finish() }
    }

    fn assembly(&self) -> Assembly {
        Assembly::new(self.hashed.digest.algorithm(), self.hashed.size)
    }

    fn entries(&self) -> &[[u8; 32]] {
        self.hashed.checkpoints.entries()
    }

    fn segment(&self, index: u64) -> &[u8] {
        let range = segment_range(self.hashed.size, index);
        &self.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }

    /// Sends one segment; `None` where it cannot begin.
    fn send(&self, index: u64, assembly: &mut Assembly) -> Option<Landed> {
        let mut hasher = assembly.begin(index)?;
        for piece in self.segment(index).chunks(1 << 20) {
            hasher.update(piece);
        }
        Some(assembly.land(hasher))
    }

    /// Sends one segment with a byte of it flipped.
    fn send_damaged(&self, index: u64, assembly: &mut Assembly) -> Option<Landed> {
        let mut segment = self.segment(index).to_vec();
        segment[17] ^= 4;
        let mut hasher = assembly.begin(index)?;
        hasher.update(&segment);
        Some(assembly.land(hasher))
    }

    fn send_all(&self, assembly: &mut Assembly) {
        for index in assembly.missing().collect::<Vec<_>>() {
            held(self.send(index, assembly));
        }
    }
}

fn held(landed: Option<Landed>) -> Record {
    match landed {
        Some(Landed::Held(record)) => record,
        other => panic!("{other:?}"),
    }
}

const THREE: u64 = 2 * SEGMENT_LEN + 100;

#[test]
fn every_size_is_put_together_in_order_without_a_claim() {
    for algorithm in Algorithm::ALL {
        for size in SIZES {
            let sent = Sent::new(algorithm, size);
            let mut assembly = sent.assembly();
            sent.send_all(&mut assembly);
            assert_eq!(
                assembly.finish(Some(&sent.hashed.digest)).unwrap(),
                sent.hashed,
                "{algorithm} {size}"
            );
            assert_eq!(assembly.held_len(), size);
        }
    }
}

#[test]
fn every_size_is_put_together_backwards_with_claims() {
    for algorithm in Algorithm::ALL {
        for size in SIZES {
            let sent = Sent::new(algorithm, size);
            let mut assembly = sent.assembly();
            assert_eq!(assembly.claim(0, sent.entries()), Ok(vec![]));
            assert!(assembly.has_all_claims());
            for index in assembly.missing().collect::<Vec<_>>().into_iter().rev() {
                held(sent.send(index, &mut assembly));
            }
            assert_eq!(assembly.finish(None).unwrap(), sent.hashed, "{algorithm} {size}");
        }
    }
}

#[test]
fn the_empty_blob_lacks_nothing() {
    for algorithm in Algorithm::ALL {
        let mut assembly = Assembly::new(algorithm, 0);
        assert_eq!(assembly.missing().count(), 0);
        assert_eq!(assembly.held_len(), 0);
        assert_eq!(assembly.held_ranges(), []);
        assert_eq!(assembly.finish(None).unwrap(), Sent::new(algorithm, 0).hashed);
    }
}

#[test]
fn a_chain_goes_on_only_from_a_state_that_is_known() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    assert!(assembly.begin(1).is_none());
    assert!(assembly.begin(2).is_none());
    assembly.claim(1, &sent.entries()[1..]).unwrap();
    assert!(assembly.begin(1).is_none());
    held(sent.send(2, &mut assembly));
    held(sent.send(0, &mut assembly));
    held(sent.send(1, &mut assembly));
    assert_eq!(assembly.finish(None).unwrap(), sent.hashed);
}

#[test]
fn a_tree_may_begin_anywhere() {
    let sent = Sent::new(Algorithm::Blake3, THREE);
    let mut assembly = sent.assembly();
    for index in [2, 0, 1] {
        held(sent.send(index, &mut assembly));
    }
    assert_eq!(assembly.finish(None).unwrap(), sent.hashed);
}

#[test]
fn what_is_held_and_missing_is_told_in_segments_and_in_bytes() {
    let sent = Sent::new(Algorithm::Blake3, THREE);
    let mut assembly = sent.assembly();
    held(sent.send(2, &mut assembly));
    assert_eq!(assembly.held_len(), 100);
    assert_eq!(assembly.held_ranges(), vec![2 * SEGMENT_LEN..THREE; 1]);
    assert_eq!(assembly.missing().collect::<Vec<_>>(), [0, 1]);
    held(sent.send(0, &mut assembly));
    assert_eq!(assembly.held_ranges(), [0..SEGMENT_LEN, 2 * SEGMENT_LEN..THREE]);
    assert_eq!(assembly.finish(None), Err(Unfinished::Missing(vec![1])));
    held(sent.send(1, &mut assembly));
    assert_eq!(assembly.held_ranges(), vec![0..THREE; 1]);
    assert_eq!(assembly.held_len(), THREE);
}

#[test]
fn a_damaged_segment_fails_against_the_claim() {
    for algorithm in Algorithm::ALL {
        let sent = Sent::new(algorithm, THREE);
        let mut assembly = sent.assembly();
        assembly.claim(0, sent.entries()).unwrap();
        assert_eq!(sent.send_damaged(1, &mut assembly), Some(Landed::Failed));
        assert!(!assembly.is_held(1));
        sent.send_all(&mut assembly);
        assert_eq!(assembly.finish(Some(&sent.hashed.digest)).unwrap(), sent.hashed);
    }
}

#[test]
fn a_damaged_segment_is_found_when_the_claim_comes_behind_it() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    held(sent.send_damaged(0, &mut assembly));
    held(sent.send(1, &mut assembly));
    held(sent.send(2, &mut assembly));
    // The first is damaged, and the second went on from it.
    assert_eq!(assembly.claim(0, &sent.entries()[..1]), Ok(vec![0, 1]));
    held(sent.send(0, &mut assembly));
    held(sent.send(1, &mut assembly));
    // The third had gone on from the second as it was then.
    assert_eq!(assembly.claim(1, &sent.entries()[1..]), Ok(vec![2]));
    held(sent.send(2, &mut assembly));
    assert_eq!(assembly.finish(Some(&sent.hashed.digest)).unwrap(), sent.hashed);
}

#[test]
fn a_segment_that_was_begun_from_a_claim_which_is_replaced_fails() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    assembly.claim(0, &[[7; 32]]).unwrap();
    let mut hasher = assembly.begin(1).unwrap();
    hasher.update(sent.segment(1));
    assembly.claim(0, &sent.entries()[..1]).unwrap();
    assert_eq!(assembly.land(hasher), Landed::Failed);
}

#[test]
fn a_link_that_does_not_meet_is_broken_on_both_sides() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    assembly.claim(0, &[[7; 32]]).unwrap();
    held(sent.send(1, &mut assembly));
    held(sent.send(2, &mut assembly));
    assembly.forget_claims();
    assert!(!assembly.has_all_claims());
    held(sent.send(0, &mut assembly));
    assert_eq!(assembly.finish(None), Err(Unfinished::Broken(vec![0, 1])));
    assert_eq!(assembly.finish(None), Err(Unfinished::Missing(vec![0, 1])));
    held(sent.send(0, &mut assembly));
    held(sent.send(1, &mut assembly));
    // What the third went on from was wrong as well.
    assert_eq!(assembly.finish(None), Err(Unfinished::Broken(vec![1, 2])));
    sent.send_all(&mut assembly);
    assert_eq!(assembly.finish(None).unwrap(), sent.hashed);
}

#[test]
fn the_last_segment_of_a_chain_is_doubted_once_before_the_name_is_wrong() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    assembly.claim(0, sent.entries()).unwrap();
    held(sent.send(0, &mut assembly));
    held(sent.send(1, &mut assembly));
    held(sent.send_damaged(2, &mut assembly));
    assert_eq!(assembly.finish(Some(&sent.hashed.digest)), Err(Unfinished::Broken(vec![2])));
    held(sent.send(2, &mut assembly));
    assert_eq!(assembly.finish(Some(&sent.hashed.digest)).unwrap(), sent.hashed);

    let other = Digest::new(Algorithm::Sha256, [1; 32]);
    assert_eq!(assembly.finish(Some(&other)), Err(Unfinished::Broken(vec![2])));
    held(sent.send(2, &mut assembly));
    assert_eq!(assembly.finish(Some(&other)), Err(Unfinished::Mismatch { actual: sent.hashed.digest }));
}

#[test]
fn another_name_is_a_mismatch_where_nothing_can_be_doubted() {
    for (algorithm, size) in [
        (Algorithm::Sha256, THREE),
        (Algorithm::Blake3, THREE),
        (Algorithm::Sha256, 5),
        (Algorithm::Blake3, 5),
    ] {
        let sent = Sent::new(algorithm, size);
        let mut assembly = sent.assembly();
        sent.send_all(&mut assembly);
        if algorithm == Algorithm::Blake3 {
            assembly.claim(0, sent.entries()).unwrap();
        }
        let other = Digest::new(algorithm, [1; 32]);
        assert_eq!(assembly.finish(Some(&other)), Err(Unfinished::Mismatch { actual: sent.hashed.digest }));
    }
}

#[test]
fn claims_past_the_end_of_the_list_are_refused_whole() {
    for (algorithm, size, count) in [
        (Algorithm::Sha256, THREE, 2),
        (Algorithm::Blake3, THREE, 3),
        (Algorithm::Sha256, SEGMENT_LEN, 0),
        (Algorithm::Blake3, SEGMENT_LEN, 0),
        (Algorithm::Sha256, 0, 0),
    ] {
        let mut assembly = Assembly::new(algorithm, size);
        assert_eq!(assembly.claim(count, &[[0; 32]]), Err(OutOfBounds { count }));
        assert_eq!(assembly.claim(u64::MAX, &[[0; 32]]), Err(OutOfBounds { count }));
        assert_eq!(
            assembly.claim(0, &vec![[0; 32]; usize::try_from(count).unwrap() + 1]),
            Err(OutOfBounds { count })
        );
        assert_eq!(assembly.claim(count, &[]), Ok(vec![]));
        assert_eq!(assembly.has_all_claims(), count == 0);
    }
}

#[test]
fn records_of_an_earlier_life_count_as_if_they_were_made_now() {
    for algorithm in Algorithm::ALL {
        let sent = Sent::new(algorithm, THREE);
        let mut before = sent.assembly();
        let records = [0, 1].map(|index| held(sent.send(index, &mut before)));
        let mut after = sent.assembly();
        for record in &records {
            after.restore(record);
        }
        assert_eq!(after.held_ranges(), before.held_ranges());
        held(sent.send(2, &mut after));
        assert_eq!(after.finish(Some(&sent.hashed.digest)).unwrap(), sent.hashed);
    }
}

#[test]
fn a_record_of_a_first_segment_that_begins_from_something_is_no_record() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    assembly.restore(&Record { index: 0, before: [1; 32], after: sent.entries()[0] });
    sent.send_all(&mut assembly);
    assert_eq!(assembly.finish(None), Err(Unfinished::Broken(vec![0])));
    held(sent.send(0, &mut assembly));
    assert_eq!(assembly.finish(None).unwrap(), sent.hashed);
}

#[test]
fn a_segment_that_comes_again_replaces_its_record() {
    let sent = Sent::new(Algorithm::Sha256, THREE);
    let mut assembly = sent.assembly();
    held(sent.send_damaged(0, &mut assembly));
    held(sent.send(0, &mut assembly));
    sent.send_all(&mut assembly);
    assert_eq!(assembly.finish(None).unwrap(), sent.hashed);
}

#[test]
fn a_terabyte_is_counted_without_being_held() {
    let assembly = Assembly::new(Algorithm::Sha256, 1 << 40);
    assert_eq!(assembly.missing().count(), 1 << 18);
    assert_eq!(assembly.held_len(), 0);
    let largest = Assembly::new(Algorithm::Blake3, u64::MAX);
    assert_eq!(largest.missing().next(), Some(0));
    let mut largest = largest;
    let Err(Unfinished::Missing(first)) = largest.finish(None) else { panic!("nothing was sent") };
    assert_eq!(first.len(), MISSING_COUNT_MAX);
}
