#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn what_was_taken_is_gone_and_the_rest_stays_in_order() {
    let mut inbox = Inbox::default();
    inbox.push(b"012345");
    inbox.take(4);
    assert_eq!(inbox.bytes(), b"45");
    inbox.push(b"67");
    assert_eq!(inbox.bytes(), b"4567");
    inbox.take(4);
    assert!(inbox.is_empty());
    inbox.release();
}
