#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::Receipts;

const FIRST_LIFE: &str = r#"
2026-01-01T00:00:00.000000Z TRACE segment upload=00ff index=0 received=4 hashed=4 outcome="held"
2026-01-01T00:00:00.000000Z DEBUG the peer went away peer=127.0.0.1:9 error=received=7
2026-01-01T00:00:00.000000Z TRACE segment upload=00ff index=1 received=3 hashed=2 outcome="broken off"
2026-01-01T00:00:00.000000Z TRACE segment upload=00ff index=2 received=1 hashed=1 outcome="held"
"#;
const SECOND_LIFE: &str = r#"
2026-01-01T00:00:01.000000Z TRACE segment upload=00ff index=1 received=4 hashed=4 outcome="failed"
2026-01-01T00:00:01.000000Z TRACE segment upload=00ff index=1 received=4 hashed=4 outcome="held"
2026-01-01T00:00:01.000000Z DEBUG stored upload=00ff digest=sha256:aa size=9 received=8 hashed=8
"#;

#[test]
fn segments_are_added_up_over_all_lives() {
    let mut receipts = Receipts::default();
    receipts.add(FIRST_LIFE).unwrap();
    assert_eq!((receipts.received, receipts.hashed), (8, 7));
    assert_eq!((receipts.missing_count(3), receipts.repeated_count()), (1, 0));
    receipts.add(SECOND_LIFE).unwrap();
    assert_eq!((receipts.received, receipts.hashed), (16, 15));
    assert_eq!((receipts.missing_count(3), receipts.repeated_count()), (0, 1));
    assert_eq!(receipts.missing_count(5), 2);
}

#[test]
fn a_segment_that_was_superseded_was_hashed_whole() {
    let mut receipts = Receipts::default();
    receipts.add(&SECOND_LIFE.replace("failed", "superseded")).unwrap();
    assert_eq!((receipts.repeated_count(), receipts.superseded_count), (1, 1));
    receipts.add(&SECOND_LIFE.replace("failed", "taken over")).unwrap();
    assert_eq!((receipts.repeated_count(), receipts.superseded_count), (2, 1));
}

#[test]
fn a_line_that_lacks_a_field_is_told() {
    let log = FIRST_LIFE.replace("hashed=2 ", "");
    let error = Receipts::default().add(&log).unwrap_err();
    assert!(format!("{error:#}").contains("no hashed="), "{error:#}");
}
