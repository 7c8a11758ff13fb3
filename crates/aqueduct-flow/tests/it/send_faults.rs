//! What a send queue does when its source or its peer lets it down.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;

use aqueduct_flow::{Extent, SendQueue, SendRoute, Side, SourceTruncated, Step, wait_for};
use rustix::fs::fcntl_getfl;

use crate::fixture::{
    Channel, LARGE, assert_same, pattern, patterned, read_slowly, set_nonblocking, unnamed,
};

fn truncation(error: &io::Error) -> SourceTruncated {
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    *error.get_ref().unwrap().downcast_ref().unwrap()
}

#[test]
fn a_file_truncated_while_it_is_sent_is_an_error_and_never_an_end() {
    for route in SendRoute::ALL {
        for channel in Channel::ALL {
            let file = Arc::new(patterned(LARGE));
            let (target, reader) = channel.open();
            set_nonblocking(&target);
            let mut queue = SendQueue::new(route);
            queue.push_memory(pattern(0..100));
            queue.push_extent(Extent::new(file.clone(), 100..LARGE as u64));
            while queue.step(target.as_fd(), 10_000).unwrap() != Step::Blocked(Side::Target) {}

            let size = 300_000;
            file.set_len(size).unwrap();
            let reading = thread::spawn(move || read_slowly(reader));
            let error = loop {
                match queue.step(target.as_fd(), 10_000) {
                    Ok(Step::Blocked(side)) => wait_for(side, &target, &target).unwrap(),
                    Ok(Step::Moved(_)) => {}
                    Ok(Step::End) => panic!("{route} over {channel:?} took a truncated file for a whole one"),
                    Err(error) => break error,
                }
            };
            drop(target);
            let bytes = reading.join().unwrap();

            // A mapping shows zeroes from the end of the file to the end of its page.
            let page_end = size.next_multiple_of(4096);
            let SourceTruncated { offset, missing } = truncation(&error);
            assert!((size..=page_end).contains(&offset), "{route} over {channel:?}: {error}");
            assert_eq!(offset + missing, LARGE as u64);
            assert!(bytes.len() as u64 <= page_end);
            let whole = bytes.len().min(300_000);
            assert_same(&bytes[..whole], &pattern(0..whole as u64), &format!("{route} over {channel:?}"));
            assert_eq!(
                queue.remaining(),
                LARGE as u64 - bytes.len() as u64,
                "only what was sent is subtracted"
            );
            assert!(!queue.is_empty());
        }
    }
}

#[test]
fn an_extent_beyond_its_file_is_an_error_and_nothing_leaves() {
    for route in SendRoute::ALL {
        let (target, _reader) = Channel::Unix.open();
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(Arc::new(patterned(100)), 200..300));
        let fault = truncation(&queue.step(target.as_fd(), 1000).unwrap_err());
        assert_eq!(fault, SourceTruncated { offset: 200, missing: 100 }, "{route}");
        assert_eq!(queue.remaining(), 100);
        assert_eq!(fault.to_string(), "the source ended at offset 200, 100 bytes early");
    }
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_not_a_signal() {
    for route in SendRoute::ALL {
        for channel in Channel::ALL {
            let (target, reader) = channel.open();
            let mut queue = SendQueue::new(route);
            queue.push_memory(b"head".to_vec());
            queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 0..LARGE as u64));
            drop(reader);
            let error = loop {
                let remaining = queue.remaining();
                match queue.step(target.as_fd(), 4096) {
                    Ok(Step::Moved(_)) => {}
                    Ok(step) => panic!("{route} over {channel:?}: {step:?}"),
                    Err(error) => {
                        assert_eq!(queue.remaining(), remaining, "after an error nothing is subtracted");
                        break error;
                    }
                }
            };
            assert!(
                matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset),
                "{route} over {channel:?}: {error}"
            );
        }
    }
}

#[test]
fn an_error_says_which_call_it_was() {
    let (target, reader) = Channel::Pipe.open();
    drop(reader);
    let mut queue = SendQueue::new(SendRoute::Sendfile);
    queue.push_extent(Extent::new(Arc::new(patterned(10)), 0..10));
    let error = queue.step(target.as_fd(), 10).unwrap_err();
    assert_eq!(error.to_string(), "sendfile: Broken pipe (os error 32)");
    assert_eq!(aqueduct_sys::errno_of(&error), Some(aqueduct_sys::Errno::PIPE));
}

#[test]
fn a_short_sendfile_is_not_success() {
    let (target, reader) = Channel::Unix.open();
    set_nonblocking(&target);
    let mut queue = SendQueue::new(SendRoute::Sendfile);
    queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 0..LARGE as u64));
    let Step::Moved(len) = queue.step(target.as_fd(), usize::MAX).unwrap() else { panic!("moved nothing") };
    assert!(len < LARGE, "a socket this small takes only a part");
    assert_eq!(queue.remaining(), (LARGE - len) as u64);
    assert!(!queue.is_empty());
    let blocked = loop {
        match queue.step(target.as_fd(), usize::MAX).unwrap() {
            Step::Moved(_) => {}
            step => break step,
        }
    };
    assert_eq!(
        blocked,
        Step::Blocked(Side::Target),
        "what is not sent waits for the target, not for a sleep"
    );
    drop(reader);
}

#[test]
fn bytes_that_cannot_be_read_are_not_replaced_by_others() {
    // A hole is zeroes, and a write into it after the extent was queued is seen: nothing was read ahead.
    for route in SendRoute::ALL {
        let file = unnamed();
        file.set_len(5000).unwrap();
        let file = Arc::new(file);
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(file.clone(), 0..5000));
        file.write_all_at(&pattern(0..5000), 0).unwrap();
        let (target, reader) = Channel::Unix.open();
        let reading = thread::spawn(move || read_slowly(reader));
        while queue.step(target.as_fd(), usize::MAX).unwrap() != Step::End {}
        drop(target);
        assert_same(&reading.join().unwrap(), &pattern(0..5000), &route.to_string());
    }
}

#[test]
fn duplicates_share_o_nonblock_so_the_movers_never_set_it() {
    let (target, reader) = Channel::Pipe.open();
    let duplicate = target.try_clone().unwrap();
    set_nonblocking(&duplicate);
    assert_eq!(fcntl_getfl(&target).unwrap(), fcntl_getfl(&duplicate).unwrap(), "dup(2) shares the flags");
    drop((target, duplicate, reader));

    for route in SendRoute::ALL {
        let (target, reader) = Channel::Pipe.open();
        let before = fcntl_getfl(&target).unwrap();
        let reading = thread::spawn(move || read_slowly(reader));
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 0..LARGE as u64));
        loop {
            match queue.step(target.as_fd(), usize::MAX).unwrap() {
                Step::Moved(_) => {}
                Step::Blocked(_) => panic!("{route}: a blocking target waits by itself"),
                Step::End => break,
            }
            assert_eq!(fcntl_getfl(&target).unwrap(), before);
        }
        drop(target);
        assert_same(&reading.join().unwrap(), &pattern(0..LARGE as u64), &route.to_string());
    }
}

#[test]
fn a_source_that_cannot_be_sent_from_is_copied_from() {
    // Files of /proc have neither a size nor pages: sendfile, splice and mmap may all be refused.
    let expected = std::fs::read("/proc/version").unwrap();
    for route in SendRoute::ALL {
        let file = Arc::new(File::open("/proc/version").unwrap());
        let (target, reader) = Channel::Unix.open();
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(file, 0..expected.len() as u64));
        let reading = thread::spawn(move || read_slowly(reader));
        let ended = loop {
            match queue.step(target.as_fd(), usize::MAX) {
                Ok(Step::End) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        drop(target);
        let bytes = reading.join().unwrap();
        ended.unwrap();
        assert_same(&bytes, &expected, &route.to_string());
    }
}
