//! Descriptors: none is lost on a path that fails, and none is held for a transfer that waits.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use aqueduct_flow::{CopyLadder, Extent, Intake, ReceiveRoute, SendQueue, SendRoute, Side, Step};

use crate::child;
use crate::fixture::{Channel, LARGE, patterned, set_nonblocking, unnamed};

fn open_count() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn mapping_count() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn no_path_that_fails_leaks_a_descriptor_or_a_mapping() {
    if !child::is_child() {
        return child::run(&[""; 0], "descriptors::no_path_that_fails_leaks_a_descriptor_or_a_mapping");
    }
    let source = Arc::new(patterned(LARGE));
    let read_only = File::open("/proc/self/exe").unwrap();
    let fail_each_way = || {
        for channel in Channel::ALL {
            for route in SendRoute::ALL {
                let (target, reader) = channel.open();
                set_nonblocking(&target);
                let mut queue = SendQueue::new(route);
                queue.push_extent(Extent::new(source.clone(), 0..LARGE as u64));
                while queue.step(target.as_fd(), 1 << 20).unwrap() != Step::Blocked(Side::Target) {}
                drop(reader);
                assert!(queue.step(target.as_fd(), 1 << 20).is_err());
                let mut beyond = SendQueue::new(route);
                beyond.push_extent(Extent::new(source.clone(), 0..2 * LARGE as u64));
                let null = File::options().write(true).open("/dev/null").unwrap();
                while beyond.step(null.as_fd(), 1 << 20).is_ok() {}
            }
            for route in ReceiveRoute::ALL {
                let (writer, source) = channel.open();
                rustix::io::write(&writer, b"bytes").unwrap();
                assert!(Intake::new(route).step(source.as_fd(), &read_only, 0, 10, &mut |_| {}).is_err());
                let mut unfinished = Intake::new(route);
                rustix::io::write(&writer, b"bytes").unwrap();
                let _ = unfinished.step(source.as_fd(), &unnamed(), 0, 10, &mut |_| {}).unwrap();
            }
        }
        let ladder = CopyLadder::new();
        assert!(ladder.begin(&source, &read_only).is_err());
        let target = unnamed();
        let mut copy = ladder.begin(&source, &target).unwrap();
        let _ = copy.step(1000).unwrap();
    };
    // The first round fills the pools of this thread.
    fail_each_way();
    let (open_before, mapped_before) = (open_count(), mapping_count());
    for _ in 0..20 {
        fail_each_way();
    }
    assert_eq!(open_count(), open_before);
    assert_eq!(mapping_count(), mapped_before);
}

#[test]
fn transfers_that_wait_hold_no_descriptor() {
    if !child::is_child() {
        return child::run(&[""; 0], "descriptors::transfers_that_wait_hold_no_descriptor");
    }
    let source = Arc::new(patterned(LARGE));
    let mut waiting = Vec::new();
    for route in SendRoute::ALL {
        for count in 0..50 {
            let (target, reader) = Channel::ALL[count % 3].open();
            set_nonblocking(&target);
            let mut queue = SendQueue::new(route);
            queue.push_extent(Extent::new(source.clone(), 0..LARGE as u64));
            let before = open_count();
            while queue.step(target.as_fd(), 1 << 20).unwrap() != Step::Blocked(Side::Target) {}
            // The first splice of this thread opens a pipe and /dev/null, for all that follow.
            let pooled = if count == 0 { 3 } else { 0 };
            assert!(open_count() <= before + pooled, "{route}, waiting transfer {count}");
            waiting.push((queue, target, reader));
        }
    }
    for route in ReceiveRoute::ALL {
        for count in 0..50 {
            let (writer, source) = Channel::ALL[count % 3].open();
            set_nonblocking(&source);
            rustix::io::write(&writer, b"bytes").unwrap();
            let target = unnamed();
            let before = open_count();
            let mut intake = Intake::new(route);
            let _ = intake.step(source.as_fd(), &target, 0, 100, &mut |_| {}).unwrap();
            let step = intake.step(source.as_fd(), &target, 5, 100, &mut |_| {}).unwrap();
            assert_eq!(step, Step::Blocked(Side::Source));
            assert_eq!(open_count(), before, "{route}, waiting transfer {count}");
        }
    }
}
