//! pipe(7): a user with too many pages in pipes gets pipes of two slots that cannot grow.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use aqueduct_flow::{Extent, Intake, ReceiveRoute, Route, SendQueue, SendRoute, Step};
use aqueduct_sys::{Errno, pipe, pipe_len, set_pipe_len};

use crate::child;
use crate::fixture::{LARGE, assert_only, assert_same, content, pattern, patterned, unnamed};

#[test]
fn a_pipe_of_two_slots_still_carries_everything() {
    if !child::is_child() {
        // Root of the whole machine has no limit; root of a user namespace has.
        return child::run(&["unshare", "-r"], "small_pipes::a_pipe_of_two_slots_still_carries_everything");
    }
    let mut hoard = Vec::new();
    // The limit is one for all that the user runs, and what others give back in the middle lets a pipe grow again.
    for _ in 0..ATTEMPT_COUNT {
        exhaust(&mut hoard);
        if send_and_receive() <= TWO_SLOTS_LEN {
            return;
        }
    }
    panic!("in none of {ATTEMPT_COUNT} attempts all pipes had two slots");
}

/// Holds pipes until a new one has two slots and cannot grow.
fn exhaust(hoard: &mut Vec<(OwnedFd, OwnedFd)>) {
    for _ in 0..PIPE_COUNT_MAX {
        let pipe = pipe().unwrap();
        let grown = set_pipe_len(&pipe.0, 1 << 20);
        let len = pipe_len(&pipe.0).unwrap();
        hoard.push(pipe);
        if len == TWO_SLOTS_LEN {
            assert_eq!(grown.unwrap_err().errno(), Errno::PERM);
            return;
        }
    }
    panic!("no limit on the pages in pipes: /proc/sys/fs/pipe-user-pages-soft");
}

/// Answers how many bytes a pipe carried at a time at most.
fn send_and_receive() -> usize {
    let target = unnamed();
    let mut queue = SendQueue::new(SendRoute::Splice);
    queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 0..LARGE as u64));
    while queue.step(target.as_fd(), usize::MAX).unwrap() != Step::End {}
    assert_same(&content(&target), &pattern(0..LARGE as u64), "sent");
    assert_only(queue.carried(), Route::Splice, LARGE as u64, "sent");

    let source = patterned(LARGE);
    let target = unnamed();
    let mut intake = Intake::new(ReceiveRoute::Splice);
    let (mut offset, mut longest) = (0, 0);
    while let Step::Moved(len) = intake.step(source.as_fd(), &target, offset, 1 << 20, &mut |_| {}).unwrap() {
        longest = longest.max(len);
        offset += len as u64;
    }
    assert_same(&content(&target), &pattern(0..LARGE as u64), "received");
    assert_only(intake.carried(), Route::Splice, LARGE as u64, "received");
    longest
}

const TWO_SLOTS_LEN: usize = 8192;

const ATTEMPT_COUNT: usize = 20;

const PIPE_COUNT_MAX: usize = 2000;
