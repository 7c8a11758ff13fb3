//! What an intake does when its source or its target lets it down.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use aqueduct_flow::{Intake, ReceiveRoute, Route, Side, Step};
use aqueduct_sys::{Errno, SpliceFlags};
use rustix::net::sockopt::set_socket_linger;

use crate::fixture::{
    Channel, LARGE, assert_only, assert_same, content, disk, pattern, patterned, set_nonblocking, unnamed,
    write_slowly,
};

#[test]
fn splice_from_a_socket_straight_to_a_file_is_einval_so_it_goes_by_a_pipe() {
    for channel in [Channel::Unix, Channel::Tcp] {
        let (writer, source) = channel.open();
        rustix::io::write(&writer, b"ten bytes!").unwrap();
        drop(writer);
        let target = unnamed();
        let straight = aqueduct_sys::splice(&source, None, &target, Some(0), 10, SpliceFlags::empty());
        assert_eq!(straight.unwrap_err().errno(), Errno::INVAL);

        let mut intake = Intake::new(ReceiveRoute::Splice);
        assert_eq!(intake.step(source.as_fd(), &target, 0, 10, &mut |_| {}).unwrap(), Step::Moved(10));
        assert_only(intake.carried(), Route::Splice, 10, "splice");
        assert_eq!(content(&target), b"ten bytes!");
    }
}

#[test]
fn a_reset_connection_is_an_error_and_not_an_end() {
    for route in ReceiveRoute::ALL {
        let (writer, source) = Channel::Tcp.open();
        set_socket_linger(&writer, Some(Duration::ZERO)).unwrap();
        drop(writer);
        let target = unnamed();
        let error = Intake::new(route).step(source.as_fd(), &target, 0, 1000, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{route}: {error}");
    }
}

#[test]
fn an_error_is_blamed_on_the_side_whose_call_met_it() {
    let path = disk().join(format!("blamed-{}", std::process::id()));
    std::fs::write(&path, b"").unwrap();
    let read_only = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for route in ReceiveRoute::ALL {
        let mut intake = Intake::new(route);
        let (writer, source) = Channel::Tcp.open();
        rustix::io::write(&writer, b"bytes").unwrap();
        intake.step(source.as_fd(), &read_only, 0, 5, &mut |_| {}).unwrap_err();
        assert_eq!(intake.failed_side(), Some(Side::Target), "{route}");
        let mut intake = Intake::new(route);
        let (writer, source) = Channel::Tcp.open();
        set_socket_linger(&writer, Some(Duration::ZERO)).unwrap();
        drop(writer);
        intake.step(source.as_fd(), &unnamed(), 0, 1000, &mut |_| {}).unwrap_err();
        assert_eq!(intake.failed_side(), Some(Side::Source), "{route}");
    }
}

#[test]
fn a_page_of_the_target_that_cannot_be_had_is_the_targets_fault() {
    for channel in Channel::ALL {
        let (writer, source) = channel.open();
        let target = unnamed();
        let mut intake = Intake::new(ReceiveRoute::Mmap);
        let mut step = |offset| {
            rustix::io::write(&writer, b"bytes").unwrap();
            intake.step(source.as_fd(), &target, offset, 5, &mut |_| {})
        };
        assert_eq!(step(0).unwrap(), Step::Moved(5));
        // Behind the end of a file a mapping has no page, as where the disk is full or fails.
        target.set_len(0).unwrap();
        let error = step(5).unwrap_err();
        assert_eq!(aqueduct_sys::errno_of(&error), Some(Errno::FAULT), "{channel:?}");
        assert_eq!(intake.failed_side(), Some(Side::Target), "{channel:?}");
        assert_eq!(intake.lost(), 0);
        assert_eq!(
            aqueduct_sys::read(&source, &mut [0; 8]).unwrap(),
            5,
            "{channel:?} keeps what did not fit"
        );
    }
}

#[test]
fn eagain_is_the_source_and_a_stream_that_pauses_is_not_over() {
    for route in ReceiveRoute::ALL {
        for channel in Channel::ALL {
            let (writer, source) = channel.open();
            set_nonblocking(&source);
            let target = unnamed();
            let mut intake = Intake::new(route);
            let mut step = |offset| intake.step(source.as_fd(), &target, offset, 1000, &mut |_| {}).unwrap();
            for offset in [0, 5, 10] {
                assert_eq!(step(offset), Step::Blocked(Side::Source), "{route} over {channel:?}");
                rustix::io::write(&writer, b"pause").unwrap();
                assert_eq!(step(offset), Step::Moved(5), "{route} over {channel:?}");
            }
            assert_eq!(step(15), Step::Blocked(Side::Source), "{route} over {channel:?}");
            drop(writer);
            assert_eq!(step(15), Step::End, "{route} over {channel:?}");
            assert_eq!(step(15), Step::End, "{route} over {channel:?}: the end stays");
        }
    }
}

#[test]
fn a_target_that_cannot_be_written_is_an_error_and_the_next_transfer_is_clean() {
    let path = disk().join(format!("read-only-{}", std::process::id()));
    std::fs::write(&path, b"").unwrap();
    let read_only = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for route in ReceiveRoute::ALL {
        let (writer, source) = Channel::Unix.open();
        rustix::io::write(&writer, b"stale").unwrap();
        drop(writer);
        let mut intake = Intake::new(route);
        let failed = intake.step(source.as_fd(), &read_only, 0, 1000, &mut |_| panic!("observed"));
        assert_eq!(aqueduct_sys::errno_of(&failed.unwrap_err()), Some(Errno::BADF), "{route}");
        // Whoever goes on reading the source has to know how far that is.
        let left = aqueduct_sys::read(&source, &mut [0; 8]).unwrap_or(0);
        assert_eq!(intake.lost() + left as u64, 5, "{route}");

        // The same thread, so the same pooled pipe and buffer.
        let target = unnamed();
        let bytes = pattern(0..LARGE as u64);
        let (writer, source) = Channel::Unix.open();
        let mut intake = Intake::new(route);
        let mut offset = 0;
        thread::scope(|scope| {
            let bytes = &bytes;
            scope.spawn(move || write_slowly(writer, bytes));
            while let Step::Moved(len) =
                intake.step(source.as_fd(), &target, offset, 1 << 20, &mut |_| {}).unwrap()
            {
                offset += len as u64;
            }
        });
        intake.finish(&target, offset).unwrap();
        assert_same(&content(&target), &bytes, &route.to_string());
    }
}

#[test]
fn a_target_that_refuses_splice_gets_every_byte_that_was_in_the_pipe() {
    // Append mode refuses splice, and then appends what is written: here that is the same place.
    let path = disk().join(format!("append-intake-{}", std::process::id()));
    let target = File::options().read(true).append(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let source = patterned(LARGE);
    let mut intake = Intake::new(ReceiveRoute::Splice);
    let mut observed = Vec::new();
    loop {
        let offset = observed.len() as u64;
        let step = intake
            .step(source.as_fd(), &target, offset, 1 << 20, &mut |bytes| observed.extend_from_slice(bytes))
            .unwrap();
        if step == Step::End {
            break;
        }
    }
    assert_same(&observed, &pattern(0..LARGE as u64), "observed");
    assert_same(&content(&target), &observed, "written");
    assert_only(intake.carried(), Route::Copy, LARGE as u64, "append");
    assert_eq!(intake.route(), ReceiveRoute::Copy);
}

#[test]
fn a_mapping_is_not_one_byte_longer_than_the_file() {
    let target = unnamed();
    let mut intake = Intake::new(ReceiveRoute::Mmap);
    let source = patterned(4096);
    assert_eq!(intake.step(source.as_fd(), &target, 0, 4096, &mut |_| {}).unwrap(), Step::Moved(4096));
    intake.finish(&target, 4096).unwrap();
    assert_eq!(target.metadata().unwrap().len(), 4096, "not a byte is left of what was reserved");
    let beyond = target.read_at(&mut [0; 1], 4096).unwrap();
    assert_eq!(beyond, 0);
}
