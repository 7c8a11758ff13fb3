use super::{History, Known};

#[test]
fn what_is_under_way_may_have_happened_or_not() {
    let history = History::default();
    assert_eq!(history.known(9), Known::Absent);
    history.begin(Known::Present, 10);
    assert_eq!((history.known(9), history.known(10)), (Known::Absent, Known::Either));
    history.end(20);
    assert_eq!((history.known(19), history.known(20)), (Known::Either, Known::Present));
}

#[test]
fn a_blob_that_is_put_again_stays_present() {
    let history = History::default();
    history.found(Known::Present, 1);
    history.begin(Known::Present, 2);
    assert_eq!(history.known(2), Known::Present);
    history.begin(Known::Absent, 3);
    assert_eq!(history.known(3), Known::Either);
}

#[test]
fn what_was_cut_off_is_settled_by_whoever_looks() {
    let history = History::default();
    history.begin(Known::Present, 1);
    history.found(Known::Absent, 5);
    assert_eq!((history.known(4), history.known(5)), (Known::Either, Known::Absent));
    assert_eq!(history.ends(), [5]);
}
