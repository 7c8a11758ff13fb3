use std::sync::Arc;

use aqueduct_wire::transfer::{Entry, EntryId, Identity, Kind, Meta};

use super::super::arrival::{Arrival, Ground, Place};
use super::*;

const SIZE: u64 = 9 << 20;

fn arrival() -> Arc<Arrival> {
    let kind = Kind::Regular { size: SIZE, identity: Identity([0; 16]) };
    let entry =
        Entry { id: EntryId(1), parent: EntryId::ROOT, name: b"file".to_vec(), meta: Meta::default(), kind };
    Arc::new(Arrival::new(&entry, Place::Stdout, None, &[]))
}

fn case(arrival: &Arc<Arrival>, index: u64) -> Case {
    let taken = Current::begin(arrival, SIZE, index).expect("nobody else is at it");
    (taken, Said { before: [0; 32], after: [0; 32] })
}

#[test]
fn a_stream_judges_itself_what_no_judge_has_time_for() {
    let arrival = arrival();
    let (judges, cases) = Judges::new(1);
    assert!(judges.pass(case(&arrival, 0)).is_none());
    let back = judges.pass(case(&arrival, 1));
    assert!(back.is_some(), "one waits already");
    drop(cases.next().expect("the first"));
    assert!(judges.pass(back.expect("it came back")).is_none());
    drop(judges);
    assert!(cases.next().is_some(), "what was passed is judged though all streams have ended");
    assert!(cases.next().is_none());
}

#[test]
fn where_there_are_no_judges_streams_are_their_own() {
    let (judges, _cases) = Judges::new(0);
    assert!(judges.pass(case(&arrival(), 0)).is_some());
}

#[test]
fn nobody_begins_a_segment_that_is_to_be_judged() {
    let arrival = arrival();
    let (judges, cases) = Judges::new(1);
    assert!(judges.pass(case(&arrival, 0)).is_none());
    assert!(Current::begin(&arrival, SIZE, 0).is_none());
    drop(cases.next());
    assert_eq!(arrival.enter(0), Some(Ground::Touched));
}
