//! One suite for every receive route, over every kind of source.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use aqueduct_flow::{Carried, Intake, ReceiveRoute, Route, Side, Step, wait_for};
use rustix::fs::fcntl_getfl;

use crate::fixture::{
    Channel, LARGE, SIZES, assert_only, assert_same, content, disk, memory, pattern, patterned,
    set_nonblocking, unnamed, unnamed_in, write_slowly,
};

/// What came of a transfer.
struct Received {
    observed: Vec<u8>,
    carried: Carried,
    blocked_count: usize,
}

/// Receives to the end of `source` into `target` from `start` on.
fn receive(
    source: &OwnedFd,
    target: &File,
    start: u64,
    mut intake: Intake,
    len_max: usize,
    mut when_blocked: impl FnMut(),
) -> Received {
    let mut observed = Vec::new();
    let mut blocked_count = 0;
    let flags = fcntl_getfl(source).unwrap();
    loop {
        let offset = start + observed.len() as u64;
        let seen = observed.len();
        let step = intake
            .step(source.as_fd(), target, offset, len_max, &mut |bytes| observed.extend_from_slice(bytes))
            .unwrap();
        match step {
            Step::Moved(len) => {
                assert!(0 < len && len <= len_max, "moved {len} of at most {len_max}");
                assert_eq!(observed.len(), seen + len, "every byte that moved is observed, and no other");
            }
            Step::Blocked(side) => {
                assert_eq!(side, Side::Source);
                assert_eq!(observed.len(), seen);
                blocked_count += 1;
                when_blocked();
                wait_for(side, source, source).unwrap();
            }
            Step::End => break,
        }
    }
    assert_eq!(fcntl_getfl(source).unwrap(), flags, "the flags belong to whoever opened the source");
    let carried = intake.finish(target, start + observed.len() as u64).unwrap();
    Received { observed, carried, blocked_count }
}

/// Sends `bytes` over a small channel once the intake has found it empty.
fn receive_over(channel: Channel, bytes: &[u8], target: &File, intake: Intake, len_max: usize) -> Received {
    let (writer, source) = channel.open();
    set_nonblocking(&source);
    thread::scope(|scope| {
        let mut writer = Some(writer);
        receive(&source, target, 0, intake, len_max, || {
            if let Some(writer) = writer.take() {
                scope.spawn(move || write_slowly(writer, bytes));
            }
        })
    })
}

#[test]
fn what_goes_by_reference_is_read_back_for_an_observer_alone() {
    let (writer, source) = Channel::Tcp.open();
    let bytes = pattern(0..LARGE as u64);
    let target = unnamed();
    let mut intake = Intake::new(ReceiveRoute::Splice);
    intake.set_observed(false);
    let (mut offset, mut observed_len) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| write_slowly(writer, &bytes));
        let mut step = |offset| {
            let observe = &mut |bytes: &[u8]| observed_len += bytes.len();
            intake.step(source.as_fd(), &target, offset, LARGE, observe).unwrap()
        };
        while let Step::Moved(len) = step(offset) {
            offset += len as u64;
        }
    });
    assert_eq!(observed_len, 0);
    assert_only(intake.carried(), Route::Splice, LARGE as u64, "unobserved");
    assert_same(&content(&target), &bytes, "unobserved");
}

#[test]
fn every_route_receives_every_size_over_every_channel() {
    for route in ReceiveRoute::ALL {
        for channel in Channel::ALL {
            for size in SIZES {
                let what = format!("{route} over {channel:?}, {size} bytes");
                let target = unnamed();
                let bytes = pattern(0..size as u64);
                let received = receive_over(channel, &bytes, &target, Intake::new(route), usize::MAX / 2);
                assert_same(&received.observed, &bytes, &what);
                assert_same(&content(&target), &bytes, &what);
                assert_only(&received.carried, route.into(), size as u64, &what);
                assert!(received.blocked_count > 0, "{what}: never found the source empty");
            }
        }
    }
}

#[test]
fn a_step_takes_no_more_than_it_is_asked_to() {
    for route in ReceiveRoute::ALL {
        for channel in Channel::ALL {
            let (writer, source) = channel.open();
            rustix::io::write(&writer, &pattern(0..100)).unwrap();
            let target = unnamed();
            let mut intake = Intake::new(route);
            let mut seen = 0;
            while seen < 30 {
                let step = intake.step(source.as_fd(), &target, seen as u64, 30 - seen, &mut |_| {}).unwrap();
                let Step::Moved(len) = step else { panic!("{route} over {channel:?}: {step:?}") };
                seen += len;
            }
            intake.finish(&target, 30).unwrap();
            let mut next = [0; 100];
            let len = aqueduct_sys::read(&source, &mut next).unwrap();
            assert_same(
                &next[..len],
                &pattern(30..100),
                &format!("the next message, {route} over {channel:?}"),
            );
            assert_same(&content(&target), &pattern(0..30), &format!("{route} over {channel:?}"));
        }
    }
}

#[test]
fn small_turns_and_offsets_inside_pages_lose_nothing() {
    for route in ReceiveRoute::ALL {
        for start in [1, 4095, 4097] {
            let what = format!("{route} from {start}");
            let target = patterned(start);
            let bytes = pattern(start as u64..200_000);
            let (writer, source) = Channel::Unix.open();
            set_nonblocking(&source);
            let received = thread::scope(|scope| {
                let bytes = &bytes;
                scope.spawn(move || write_slowly(writer, bytes));
                receive(&source, &target, start as u64, Intake::new(route), 1000, || {})
            });
            assert_same(&received.observed, &bytes, &what);
            assert_same(&content(&target), &pattern(0..200_000), &what);
            assert_only(&received.carried, route.into(), 200_000 - start as u64, &what);
        }
    }
}

#[test]
fn offsets_past_4_gib_are_not_cut_to_32_bits() {
    for route in ReceiveRoute::ALL {
        let start = (1 << 32) + 4095;
        let target = unnamed();
        let bytes = pattern(0..LARGE as u64);
        let (writer, source) = Channel::Unix.open();
        set_nonblocking(&source);
        thread::scope(|scope| {
            let bytes = &bytes;
            scope.spawn(move || write_slowly(writer, bytes));
            receive(&source, &target, start, Intake::new(route), usize::MAX / 2, || {});
        });
        let mut written = vec![0; LARGE];
        std::os::unix::fs::FileExt::read_exact_at(&target, &mut written, start).unwrap();
        assert_same(&written, &bytes, &route.to_string());
        assert_eq!(target.metadata().unwrap().len(), start + LARGE as u64, "{route}: the exact length");
    }
}

#[test]
fn more_than_a_window_arrives_whole_and_durable() {
    let size = 20_000_000;
    let bytes = pattern(0..size);
    for route in ReceiveRoute::ALL {
        for durable in [false, true] {
            let what = format!("{route}, durable {durable}");
            let target = unnamed();
            let source = unnamed_in(memory());
            std::os::unix::fs::FileExt::write_all_at(&source, &bytes, 0).unwrap();
            let intake = Intake::new(route).durable(durable);
            let received =
                receive(&source.into(), &target, 0, intake, 1 << 20, || panic!("a file never blocks"));
            assert_same(&received.observed, &bytes, &what);
            assert_same(&content(&target), &bytes, &what);
            assert_only(&received.carried, route.into(), size, &what);
        }
    }
}

#[test]
fn a_file_is_a_source_too_from_its_position_on() {
    for route in ReceiveRoute::ALL {
        let mut source = patterned(LARGE);
        source.seek(SeekFrom::Start(4097)).unwrap();
        let target = unnamed();
        let received = receive(&source.into(), &target, 0, Intake::new(route), usize::MAX / 2, || {});
        assert_same(&content(&target), &pattern(4097..LARGE as u64), &route.to_string());
        assert_only(&received.carried, route.into(), LARGE as u64 - 4097, &route.to_string());
    }
}

#[test]
fn a_source_that_refuses_a_route_is_copied_from() {
    let expected = std::fs::read("/proc/version").unwrap();
    for route in ReceiveRoute::ALL {
        let source = File::open("/proc/version").unwrap();
        let target = unnamed();
        receive(&source.into(), &target, 0, Intake::new(route), usize::MAX / 2, || {});
        assert_same(&content(&target), &expected, &route.to_string());
    }
}

#[test]
fn a_target_with_a_name_is_never_mapped_for_writing() {
    for route in ReceiveRoute::ALL {
        let path = disk().join(format!("named-{route}-{}", std::process::id()));
        let target = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let bytes = pattern(0..LARGE as u64);
        let received = receive_over(Channel::Unix, &bytes, &target, Intake::new(route), usize::MAX / 2);
        std::fs::remove_file(&path).unwrap();
        assert_same(&received.observed, &bytes, &route.to_string());
        assert_same(&content(&target), &bytes, &route.to_string());
        let expected = if route == ReceiveRoute::Mmap { ReceiveRoute::Copy } else { route };
        assert_only(&received.carried, expected.into(), LARGE as u64, &route.to_string());
    }
}

#[test]
fn an_observer_may_step_another_transfer() {
    for route in ReceiveRoute::ALL {
        let (outer, inner) = (unnamed(), unnamed());
        let source: OwnedFd = patterned(LARGE).into();
        let inner_source: OwnedFd = patterned(LARGE).into();
        let mut outer_intake = Intake::new(route);
        let mut inner_intake = Intake::new(route);
        let (mut offset, mut inner_offset) = (0, 0);
        loop {
            let step = outer_intake
                .step(source.as_fd(), &outer, offset, 300_000, &mut |_| {
                    let step = inner_intake
                        .step(inner_source.as_fd(), &inner, inner_offset, 300_000, &mut |_| {})
                        .unwrap();
                    if let Step::Moved(len) = step {
                        inner_offset += len as u64;
                    }
                })
                .unwrap();
            match step {
                Step::Moved(len) => offset += len as u64,
                Step::Blocked(side) => panic!("a file never blocks: {side:?}"),
                Step::End => break,
            }
        }
        outer_intake.finish(&outer, offset).unwrap();
        inner_intake.finish(&inner, inner_offset).unwrap();
        assert_same(&content(&outer), &pattern(0..LARGE as u64), &route.to_string());
        assert_same(&content(&inner), &pattern(0..inner_offset), &route.to_string());
        assert!(inner_offset > 0);
    }
}

#[test]
fn bytes_that_were_read_ahead_are_written_before_those_of_the_source() {
    for route in ReceiveRoute::ALL {
        let (target, mut observed) = (unnamed(), Vec::new());
        let source = OwnedFd::from(patterned(LARGE));
        let mut intake = Intake::new(route);
        intake.put(b"ahead", &target, 0, &mut |bytes| observed.extend_from_slice(bytes)).unwrap();
        let received = receive(&source, &target, 5, intake, LARGE, || panic!("a file never blocks"));
        observed.extend_from_slice(&received.observed);
        let expected = [b"ahead", &pattern(0..LARGE as u64)[..]].concat();
        assert_same(&observed, &expected, "observed");
        assert_same(&content(&target), &expected, "written");
        assert_eq!(received.carried.total(), expected.len() as u64, "{route}");
    }
}
