//! One suite for every send route, over every kind of target.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;

use aqueduct_flow::{Extent, SendQueue, SendRoute, Side, Step, wait_for};
use aqueduct_sys::LEN_MAX;
use rustix::fs::fcntl_getfl;

use crate::fixture::{
    Channel, LARGE, SIZES, assert_only, assert_same, content, disk, memory, pattern, patterned, read_slowly,
    set_nonblocking, unnamed, unnamed_in,
};

/// Sends what is in the queue over a small channel, filling it to the brim before anything is read.
fn send_over(channel: Channel, mut queue: SendQueue, len_max: usize) -> (Vec<u8>, SendQueue, usize) {
    let (target, reader) = channel.open();
    set_nonblocking(&target);
    let flags = fcntl_getfl(&target).unwrap();
    let mut reader = Some(reader);
    let mut reading = None;
    let mut blocked_count = 0;
    let mut remaining = queue.remaining();
    loop {
        match queue.step(target.as_fd(), len_max).unwrap() {
            Step::Moved(len) => {
                assert!(0 < len && len <= len_max, "moved {len} of at most {len_max}");
                remaining -= len as u64;
            }
            Step::Blocked(side) => {
                assert_eq!(side, Side::Target);
                blocked_count += 1;
                reading = reading.or_else(|| Some(spawn_reader(reader.take().unwrap())));
                wait_for(side, &target, &target).unwrap();
            }
            Step::End => break,
        }
        assert_eq!(queue.remaining(), remaining, "what was moved, and only that, is subtracted");
    }
    assert_eq!(remaining, 0);
    assert!(queue.is_empty());
    assert_eq!(fcntl_getfl(&target).unwrap(), flags, "the flags belong to whoever opened the target");
    drop(target);
    let bytes = match reading {
        Some(reading) => reading.join().unwrap(),
        None => read_slowly(reader.unwrap()),
    };
    (bytes, queue, blocked_count)
}

fn spawn_reader(reader: std::os::fd::OwnedFd) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || read_slowly(reader))
}

fn for_every_route_and_channel(test: impl Fn(SendRoute, Channel)) {
    for route in SendRoute::ALL {
        for channel in Channel::ALL {
            test(route, channel);
        }
    }
}

#[test]
fn every_route_sends_every_size_over_every_channel() {
    for_every_route_and_channel(|route, channel| {
        for size in SIZES {
            let what = format!("{route} over {channel:?}, {size} bytes");
            let mut queue = SendQueue::new(route);
            queue.push_extent(Extent::new(Arc::new(patterned(size)), 0..size as u64));
            let (bytes, queue, blocked_count) = send_over(channel, queue, usize::MAX);
            assert_same(&bytes, &pattern(0..size as u64), &what);
            assert_only(queue.carried(), route.into(), size as u64, &what);
            assert!(size < LARGE || blocked_count > 0, "{what}: never filled the target");
        }
    });
}

#[test]
fn a_step_moves_no_more_than_it_is_asked_to() {
    for_every_route_and_channel(|route, channel| {
        for len_max in [1, 17, 4096] {
            let size = 500 * len_max as u64 + 1;
            let mut queue = SendQueue::new(route);
            queue.push_memory(pattern(0..100));
            queue.push_extent(Extent::new(Arc::new(patterned(3_000_000)), 100..size));
            let (bytes, queue, _) = send_over(channel, queue, len_max);
            let what = format!("{route} over {channel:?}, {len_max} at a time");
            assert_same(&bytes, &pattern(0..size), &what);
            assert_only(queue.carried(), route.into(), size - 100, &what);
        }
    });
}

#[test]
fn heads_bodies_and_trailers_leave_in_order() {
    let file = Arc::new(patterned(LARGE));
    for_every_route_and_channel(|route, channel| {
        let mut queue = SendQueue::new(route);
        let mut expected = Vec::new();
        // (memory before it, extent): small and large heads, an empty one, offsets inside pages, an empty extent.
        for (head_len, range) in
            [(80, 1..4096), (0, 4095..4097), (20_000, 7..500_000), (1, 9..9), (2, 0..LARGE as u64)]
        {
            let head = pattern(1000..1000 + head_len);
            expected.extend_from_slice(&head);
            expected.extend_from_slice(&pattern(range.clone()));
            queue.push_memory(head);
            queue.push_extent(Extent::new(file.clone(), range));
        }
        for _ in 0..200 {
            expected.extend_from_slice(b"0\r\n\r\n");
            queue.push_memory(b"0\r\n\r\n".to_vec());
        }
        let (bytes, queue, _) = send_over(channel, queue, usize::MAX);
        let what = format!("{route} over {channel:?}");
        assert_same(&bytes, &expected, &what);
        let body_len = 4095 + 2 + 499_993 + LARGE as u64;
        assert_only(queue.carried(), route.into(), body_len, &what);
    });
}

#[test]
fn a_head_does_not_wait_for_a_body_that_needs_segments_of_its_own() {
    for route in [SendRoute::Sendfile, SendRoute::Splice] {
        let left_alone = || {
            let (target, reader) = Channel::Tcp.open();
            set_nonblocking(&reader);
            let mut queue = SendQueue::new(route);
            queue.push_memory(pattern(0..10));
            queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 10..LARGE as u64));
            assert_eq!(queue.step(target.as_fd(), 10).unwrap(), Step::Moved(10));
            aqueduct_sys::read(&reader, &mut [0; 20]).is_ok()
        };
        // It may be on its way for a moment; one that waits for more would be for 200 ms.
        assert!((0..10).any(|_| left_alone()), "{route}: the head waited");
    }
}

#[test]
fn a_head_waits_for_a_short_body_and_leaves_in_one_segment_with_it() {
    for route in [SendRoute::Sendfile, SendRoute::Splice] {
        // What waits for more is sent after 200 ms at the latest (tcp(7), TCP_CORK): on a busy machine, before we look.
        let withheld = (0..10).any(|_| {
            let (target, reader) = Channel::Tcp.open();
            set_nonblocking(&reader);
            let mut queue = SendQueue::new(route);
            queue.push_memory(pattern(0..10));
            queue.push_extent(Extent::new(Arc::new(patterned(100)), 10..100));
            assert_eq!(queue.step(target.as_fd(), 10).unwrap(), Step::Moved(10));
            let mut bytes = [0; 200];
            let early = aqueduct_sys::read(&reader, &mut bytes);
            while queue.step(target.as_fd(), 1000).unwrap() != Step::End {}
            if early.is_ok() {
                return false;
            }
            wait_for(Side::Source, &reader, &target).unwrap();
            let len = aqueduct_sys::read(&reader, &mut bytes).unwrap();
            assert_same(&bytes[..len], &pattern(0..100), &route.to_string());
            true
        });
        assert!(withheld, "{route}: the head left alone");
    }
}

#[test]
fn what_a_step_leaves_over_of_a_segment_waits_for_the_next_and_the_last_bytes_for_nobody() {
    let body = Arc::new(patterned(LARGE));
    // What waits is sent after 200 ms at the latest (tcp(7), TCP_CORK): on a busy machine, before we look.
    let is_right = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let reader = listener.accept().unwrap().0;
        reader.set_nonblocking(true).unwrap();
        let mut received = Vec::new();
        let mut receive = || {
            let mut bytes = vec![0; LARGE];
            while let Ok(len) = aqueduct_sys::read(&reader, &mut bytes) {
                received.extend_from_slice(&bytes[..len]);
            }
            received.len()
        };
        let mut queue = SendQueue::new(SendRoute::Sendfile);
        queue.push_extent(Extent::new(Arc::clone(&body), 0..100_000));
        assert_eq!(queue.step(target.as_fd(), 70_000).unwrap(), Step::Moved(70_000));
        let early = receive();
        assert_eq!(queue.step(target.as_fd(), 70_000).unwrap(), Step::Moved(30_000));
        let is_all = receive() == 100_000;
        assert_same(&received, &pattern(0..received.len() as u64), "sendfile");
        0 < early && early < 70_000 && is_all
    };
    assert!((0..10).any(|_| is_right()));
}

#[test]
fn offsets_past_4_gib_are_not_cut_to_32_bits() {
    let file = unnamed();
    let start = (1 << 32) + 4095;
    let range = start..start + 100_000;
    file.set_len(5 << 30).unwrap();
    file.write_all_at(&pattern(range.clone()), start).unwrap();
    let file = Arc::new(file);
    for_every_route_and_channel(|route, channel| {
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(file.clone(), range.clone()));
        let (bytes, queue, _) = send_over(channel, queue, usize::MAX);
        let what = format!("{route} over {channel:?}");
        assert_same(&bytes, &pattern(range.clone()), &what);
        assert_only(queue.carried(), route.into(), 100_000, &what);
    });
}

#[test]
fn one_call_moves_at_most_what_linux_moves() {
    // In memory, where a hole costs nothing to read.
    let file = unnamed_in(memory());
    let size = 3 << 30;
    file.set_len(size).unwrap();
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut queue = SendQueue::new(SendRoute::Sendfile);
    queue.push_extent(Extent::new(Arc::new(file), 0..size));
    let Step::Moved(len) = queue.step(null.as_fd(), usize::MAX).unwrap() else { panic!("moved nothing") };
    assert!(len <= LEN_MAX);
    assert_eq!(queue.remaining(), size - len as u64);
}

#[test]
fn a_file_is_a_target_too() {
    for route in SendRoute::ALL {
        let target = unnamed();
        let mut queue = SendQueue::new(route);
        queue.push_memory(pattern(0..10));
        queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 10..LARGE as u64));
        while queue.step(target.as_fd(), 300_000).unwrap() != Step::End {}
        assert_same(&content(&target), &pattern(0..LARGE as u64), &route.to_string());
        assert_only(queue.carried(), route.into(), LARGE as u64 - 10, &route.to_string());
    }
}

#[test]
fn a_target_in_append_mode_is_copied_to() {
    for route in SendRoute::ALL {
        let path = disk().join(format!("append-{route}-{}", std::process::id()));
        let target = File::options().append(true).create(true).open(&path).unwrap();
        let mut queue = SendQueue::new(route);
        queue.push_memory(pattern(0..10));
        queue.push_extent(Extent::new(Arc::new(patterned(LARGE)), 10..LARGE as u64));
        while queue.step(target.as_fd(), usize::MAX).unwrap() != Step::End {}
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_same(&bytes, &pattern(0..LARGE as u64), &route.to_string());
        // A mapping is written with writev(2), which may append.
        let expected = if route == SendRoute::Mmap { route } else { SendRoute::Copy };
        assert_eq!(queue.route(), expected, "{route} is refused by EINVAL and not tried again");
        assert_only(queue.carried(), expected.into(), LARGE as u64 - 10, &route.to_string());
    }
}

#[test]
fn a_terminal_is_a_target_too() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    for route in SendRoute::ALL {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let mut raw = tcgetattr(&terminal).unwrap();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &raw).unwrap();

        let size = 3000;
        let mut queue = SendQueue::new(route);
        queue.push_extent(Extent::new(Arc::new(patterned(size)), 0..size as u64));
        while queue.step(terminal.as_fd(), usize::MAX).unwrap() != Step::End {}
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let mut piece = [0; 512];
            let len = aqueduct_sys::read(&keyboard, &mut piece).unwrap();
            bytes.extend_from_slice(&piece[..len]);
        }
        assert_same(&bytes, &pattern(0..size as u64), &route.to_string());
        assert_eq!(queue.carried().total(), size as u64);
    }
}

#[test]
fn a_file_that_others_may_write_is_not_mapped_but_copied() {
    let path = disk().join(format!("writable-{}", std::process::id()));
    std::fs::write(&path, pattern(0..10_000)).unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let named = disk().join(format!("writable-again-{}", std::process::id()));
    std::fs::write(&named, pattern(0..10_000)).unwrap();
    let still_named = Arc::new(File::open(&named).unwrap());
    for (file, route) in [(file, SendRoute::Mmap), (still_named, SendRoute::Copy)] {
        let mut queue = SendQueue::new(SendRoute::Mmap);
        queue.push_extent(Extent::new(file, 0..10_000));
        let (bytes, queue, _) = send_over(Channel::Unix, queue, usize::MAX);
        assert_same(&bytes, &pattern(0..10_000), "writable");
        assert_only(queue.carried(), route.into(), 10_000, "writable");
    }
    std::fs::remove_file(&named).unwrap();
}

#[test]
fn queues_that_take_turns_do_not_mix_their_bytes() {
    for route in SendRoute::ALL {
        let file = Arc::new(patterned(LARGE));
        let mut transfers: Vec<_> = (0..8)
            .map(|place| {
                let (target, reader) = Channel::ALL[place % 3].open();
                set_nonblocking(&target);
                let start = place as u64 * 1000;
                let mut queue = SendQueue::new(route);
                queue.push_extent(Extent::new(file.clone(), start..LARGE as u64));
                (Some(target), queue, start, spawn_reader(reader))
            })
            .collect();
        while transfers.iter().any(|(target, ..)| target.is_some()) {
            for (target, queue, ..) in &mut transfers {
                if let Some(fd) = target
                    && queue.step(fd.as_fd(), usize::MAX).unwrap() == Step::End
                {
                    *target = None;
                }
            }
        }
        for (_, queue, start, reading) in transfers {
            let what = format!("{route} from {start}");
            assert_same(&reading.join().unwrap(), &pattern(start..LARGE as u64), &what);
            assert_only(queue.carried(), route.into(), LARGE as u64 - start, &what);
        }
    }
}

#[test]
fn a_part_of_shared_bytes_leaves_like_bytes_of_its_own() {
    for route in SendRoute::ALL {
        let (target, mut reader) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut queue = SendQueue::to_socket(route);
        queue.push_memory(b"head ".to_vec());
        queue.push_shared(std::sync::Arc::from(&b"0123456789"[..]), 3..7);
        queue.push_shared(std::sync::Arc::from(&b"0123456789"[..]), 5..5);
        queue.push_memory(b" tail".to_vec());
        assert_eq!(queue.remaining(), 14);
        while queue.step(target.as_fd(), 3).unwrap() != Step::End {}
        drop(target);
        let mut received = String::new();
        std::io::Read::read_to_string(&mut reader, &mut received).unwrap();
        assert_eq!(received, "head 3456 tail", "{route}");
    }
}

#[test]
fn the_memory_before_an_extent_is_told_by_its_length() {
    let file = Arc::new(patterned(100));
    let mut queue = SendQueue::new(SendRoute::Copy);
    assert_eq!(queue.memory_len(), 0);
    queue.push_memory(vec![0; 7]);
    queue.push_memory(vec![0; 3]);
    queue.push_extent(Extent::new(file, 0..100));
    queue.push_memory(vec![0; 5]);
    assert_eq!(queue.memory_len(), 10);
}
