#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream};

use aqueduct_flow::{SendRoute, uninterrupted};
use aqueduct_sys::{Advice, Errno, fadvise, fdatasync};

use super::*;

const SIZE: u64 = 3 * WINDOW_LEN as u64;

/// A turn, with the head that leaves first.
const HEADED: usize = TURN_LEN + 10;

/// A head, and all of a file on a disk.
fn queue() -> (SendQueue, Arc<File>) {
    let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    file.write_all(&vec![7; 3 * WINDOW_LEN]).unwrap();
    fdatasync(&file).unwrap();
    let file = Arc::new(file);
    let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
    queue.push_memory(vec![1; 10]);
    queue.push_extent(Extent::new(Arc::clone(&file), 0..SIZE));
    (queue, file)
}

#[test]
fn a_reactor_sends_what_is_in_memory_up_to_the_end_of_a_window() {
    let (queue, _file) = queue();
    let mut looked = Looked::default();
    assert_eq!(warm_len(&queue, &mut looked, SIZE), Some(HEADED));
    assert_eq!(looked.window, 0..WINDOW_LEN as u64);
    looked.window = 0..1000;
    assert_eq!(warm_len(&queue, &mut looked, SIZE), Some(1010), "and what is before it");
}

#[test]
fn a_reactor_sends_nothing_that_is_cold() {
    let (queue, file) = queue();
    let mut looked = Looked::default();
    // Some virtual disks answer at times within the call that asks them.
    assert!((0..1000).any(|_| {
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        looked = Looked::default();
        warm_len(&queue, &mut looked, SIZE).is_none()
    }));
    residency::warm(&file, 0..SIZE, &mut [0; 4096]).unwrap();
    assert_eq!(warm_len(&queue, &mut looked, SIZE), None, "who sends that window has begun to");
    assert_eq!(warm_len(&queue, &mut Looked::default(), SIZE), Some(HEADED));
}

#[test]
fn a_reactor_sends_nothing_of_what_is_being_read_ahead() {
    let (queue, file) = queue();
    let is_told = aqueduct_sys::cachestat(&file, &(0..1)).is_ok();
    // As if only the front of the file had been read.
    file.set_len(SIZE + (64 << 20)).unwrap();
    assert_eq!(warm_len(&queue, &mut Looked::default(), SIZE), Some(HEADED));
    let expected = if is_told { None } else { Some(HEADED) };
    assert_eq!(warm_len(&queue, &mut Looked::default(), SIZE + (64 << 20)), expected);
}

#[test]
fn only_what_a_network_does_is_blamed_on_the_peer() {
    let blame = |errno: Errno| failed(errno.into());
    for errno in [Errno::CONNRESET, Errno::PIPE, Errno::TIMEDOUT, Errno::HOSTUNREACH, Errno::NETDOWN] {
        assert!(matches!(blame(errno), Close::PeerGone(_)), "{errno}");
    }
    for errno in [Errno::IO, Errno::STALE, Errno::NOMEM] {
        assert!(matches!(blame(errno), Close::Fault(_)), "{errno}");
    }
}

#[test]
fn a_socket_that_has_room_again_is_not_waited_for() {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let mut peer = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    let ours = listener.accept().unwrap().0;
    ours.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let stream = TcpStream::from_std(ours).unwrap();
        stream.writable().await.unwrap();
        let mut sent = 0;
        // As a worker does, past the reactor.
        while let Ok(len) = uninterrupted(|| aqueduct_sys::write(&stream, &[7; 65536])) {
            sent += len;
        }
        look_for_room(&stream);
        let again = stream.try_io(Interest::WRITABLE, || Ok(()));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::WouldBlock, "it was seen to be full");
        peer.read_exact(&mut vec![0; sent]).unwrap();
        stream.writable().await.unwrap();
        look_for_room(&stream);
        stream.try_io(Interest::WRITABLE, || Ok(())).expect("it has room, and that is not forgotten");
    });
}
