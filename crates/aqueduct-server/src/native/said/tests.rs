#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, pipe};
use std::os::fd::AsFd;

use aqueduct_flow::SendRoute;
use aqueduct_wire::native::{Say, TaskId};

use super::*;

fn answer(task: u64, size: usize) -> Answer {
    Answer { task: TaskId(task), say: Say::Data { offset: 0, size: size as u64, end: true } }
}

/// What leaves, if nothing is in the way.
fn sent(said: Said) -> Vec<u8> {
    let (mut reader, writer) = pipe().unwrap();
    let mut queue = SendQueue::new(SendRoute::Copy);
    said.push_to(&mut queue);
    while !queue.is_empty() {
        let _ = queue.step(writer.as_fd(), usize::MAX).unwrap();
    }
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn everything_leaves_in_the_order_in_which_it_was_said() {
    let sizes = [0, 1, COPIED_LEN_MAX, COPIED_LEN_MAX + 1, 5000, 7, 6000];
    let (mut said, mut expected) = (Said::default(), Vec::new());
    said.end().extend_from_slice(b"first");
    expected.extend_from_slice(b"first");
    for (task, size) in (1..).zip(sizes) {
        let blob = vec![b'a' + u8::try_from(task).unwrap(); size];
        answer(task, size).write(size as u64, &mut expected);
        expected.extend_from_slice(&blob);
        said.say(&answer(task, size), blob.into());
    }
    said.end().extend_from_slice(b"last");
    expected.extend_from_slice(b"last");
    assert_eq!(said.len(), expected.len());
    assert_eq!(sent(said), expected);
}

#[test]
fn a_blob_that_others_hold_is_not_copied() {
    let blob: Arc<[u8]> = vec![1; 4096].into();
    let mut said = Said::default();
    said.say(&answer(1, 4096), Arc::clone(&blob));
    assert_eq!(Arc::strong_count(&blob), 2);
    assert!(said.end().is_empty(), "it is not among what was written");
}
