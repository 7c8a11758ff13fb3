//! pipe(7): a user with too many pages in pipes gets pipes of two slots that cannot grow.

use std::os::fd::AsFd;
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
    loop {
        let pipe = pipe().unwrap();
        let grown = set_pipe_len(&pipe.0, 1 << 20);
        let len = pipe_len(&pipe.0).unwrap();
        hoard.push(pipe);
        if len == 8192 {
            assert_eq!(grown.unwrap_err().errno(), Errno::PERM);
            break;
        }
        assert!(hoard.len() < 2000, "no limit on the pages in pipes: /proc/sys/fs/pipe-user-pages-soft");
    }

    let target = unnamed();
    let mut queue = SendQueue::new(SendRoute::Splice);
    queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 0..LARGE as u64));
    while queue.step(target.as_fd(), usize::MAX).unwrap() != Step::End {}
    assert_same(&content(&target), &pattern(0..LARGE as u64), "sent");
    assert_only(queue.carried(), Route::Splice, LARGE as u64, "sent");

    let source = patterned(LARGE);
    let target = unnamed();
    let mut intake = Intake::new(ReceiveRoute::Splice);
    let mut offset = 0;
    while let Step::Moved(len) = intake.step(source.as_fd(), &target, offset, 1 << 20, &mut |_| {}).unwrap() {
        assert!(len <= 8192, "a pipe of two slots carries at most two pages at a time");
        offset += len as u64;
    }
    assert_same(&content(&target), &pattern(0..LARGE as u64), "received");
    assert_only(intake.carried(), Route::Splice, LARGE as u64, "received");
}
