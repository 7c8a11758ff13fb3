use aqueduct_wire::transfer::{Identity, Meta};

use super::*;

const SEGMENT_LEN: u64 = aqueduct_blob::SEGMENT_LEN;
const SIZE: u64 = 2 * SEGMENT_LEN;

/// Of two segments of zeroes, which go nowhere that matters.
fn arrival(algorithm: Option<Algorithm>) -> Arrival {
    let kind = Kind::Regular { size: SIZE, identity: Identity([0; 16]) };
    let entry =
        Entry { id: EntryId(1), parent: EntryId::ROOT, name: b"file".to_vec(), meta: Meta::default(), kind };
    Arrival::new(&entry, Place::Stdout, algorithm, &[])
}

fn hashed(arrival: &Arrival, index: u64) -> SegmentHasher {
    let (mut hasher, _) = arrival.begin(index, [0; 32]).expect("there is such a segment");
    crate::show_zeroes(SEGMENT_LEN, &mut |zeroes| hasher.update(zeroes));
    hasher
}

/// What an honest sender says of a segment.
fn after(index: u64) -> [u8; 32] {
    let hasher = hashed(&arrival(Some(Algorithm::Blake3)), index);
    match Assembly::new(Algorithm::Blake3, SIZE).land(hasher) {
        Landed::Held(record) => record.after,
        Landed::Failed => unreachable!("nothing was claimed"),
    }
}

#[test]
fn a_segment_that_is_there_is_begun_by_nobody() {
    for algorithm in [Some(Algorithm::Blake3), None] {
        let arrival = arrival(algorithm);
        assert_eq!(arrival.enter(0), Some(Ground::Fresh));
        arrival.leave(0);
        let judged = match algorithm {
            Some(_) => arrival.judge(hashed(&arrival, 0), &after(0)),
            None => arrival.take(0),
        };
        assert!(matches!(judged, Judged::New(_)));
        // A copy that comes late would punch a hole into it.
        assert_eq!(arrival.enter(0), None);
        assert_eq!(arrival.enter(1), Some(Ground::Fresh));
    }
}

#[test]
fn a_file_is_whole_when_a_record_was_made_of_every_segment_and_not_before() {
    for algorithm in [Some(Algorithm::Blake3), None] {
        let arrival = arrival(algorithm);
        arrival.tell_whole(None);
        for index in 0..2 {
            assert!(matches!(arrival.standing(), Standing::Waiting), "{index} is missing");
            let judged = match algorithm {
                Some(_) => arrival.judge(hashed(&arrival, index), &after(index)),
                None => arrival.take(index),
            };
            assert!(matches!(judged, Judged::New(_)));
            assert!(
                matches!(arrival.standing(), Standing::Waiting),
                "somebody still writes that {index} is there"
            );
            arrival.recorded();
        }
        assert!(matches!(arrival.standing(), Standing::Whole(_)));
        assert!(matches!(arrival.standing(), Standing::Waiting), "it is whole once");
        assert!(arrival.is_settled());
        assert_eq!(arrival.enter(0), None);
    }
}

#[test]
fn a_segment_that_is_wrong_is_missing_however_often_it_was_right() {
    let arrival = arrival(Some(Algorithm::Blake3));
    arrival.tell_whole(None);
    for index in 0..2 {
        assert!(matches!(arrival.judge(hashed(&arrival, index), &after(index)), Judged::New(_)));
        arrival.recorded();
    }
    assert!(matches!(arrival.judge(hashed(&arrival, 1), &[9; 32]), Judged::Wrong(wrong) if wrong == [1]));
    assert!(matches!(arrival.standing(), Standing::Waiting));
    assert_eq!(arrival.enter(1), Some(Ground::Fresh));
}
