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

#[test]
fn a_fill_that_fails_or_brings_less_leaves_nothing_extra() {
    let mut inbox = Inbox::default();
    inbox.push(b"ab");
    assert_eq!(inbox.fill(10, |_| Err::<usize, _>("no")), Err("no"));
    assert_eq!(inbox.bytes(), b"ab");
    let filled: Result<_, ()> = inbox.fill(10, |room| {
        room[..3].copy_from_slice(b"cde");
        Ok(3)
    });
    assert_eq!(filled, Ok(3));
    assert_eq!(inbox.bytes(), b"abcde");
}
