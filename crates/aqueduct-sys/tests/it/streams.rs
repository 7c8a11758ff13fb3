//! Calls on pipes and sockets.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use aqueduct_sys::{
    Errno, LEN_MAX, Readiness, SendFlags, SpliceFlags, pipe, pipe_len, read, sendfile, sendmsg, set_pipe_len,
    set_receive_low_water, splice, tcp_info, wait_at_most, wait_until, write, writev,
};

use crate::unnamed;

#[test]
fn a_pipe_has_the_length_that_the_kernel_chose() {
    let (reader, writer) = pipe().unwrap();
    assert_eq!(pipe_len(&reader).unwrap(), 65_536);
    assert_eq!(set_pipe_len(&writer, 5000).unwrap(), 8192);
    assert_eq!(pipe_len(&reader).unwrap(), 8192);
    assert_eq!(pipe_len(unnamed(b"")).unwrap_err().call(), "fcntl(F_GETPIPE_SZ)");
}

#[test]
fn a_pipe_without_writers_is_at_its_end_and_without_readers_an_error() {
    let (reader, writer) = pipe().unwrap();
    assert_eq!(write(&writer, b"last").unwrap(), 4);
    wait_until(&reader, Readiness::Readable).unwrap();
    wait_until(&writer, Readiness::Writable).unwrap();
    drop(writer);
    let mut bytes = [0; 10];
    assert_eq!(read(&reader, &mut bytes).unwrap(), 4);
    assert_eq!(read(&reader, &mut bytes).unwrap(), 0);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    assert_eq!(write(&writer, b"x").unwrap_err().errno(), Errno::PIPE);
}

#[test]
fn a_wait_ends_with_whichever_side_is_ready_or_with_its_time() {
    let both = [Readiness::Readable, Readiness::Writable];
    let (one, other) = UnixStream::pair().unwrap();
    assert!(!wait_at_most(&one, &both[..1], Duration::ZERO).unwrap(), "nothing was sent");
    assert!(wait_at_most(&one, &both, Duration::MAX).unwrap(), "there is room");
    write(&other, b"x").unwrap();
    assert!(wait_at_most(&one, &both[..1], Duration::from_secs(60)).unwrap());
}

#[test]
fn a_socket_is_readable_once_it_has_as_many_bytes_as_were_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    set_receive_low_water(&socket, 100).unwrap();
    peer.write_all(&[1; 99]).unwrap();
    assert!(!wait_at_most(&socket, &[Readiness::Readable], Duration::from_millis(20)).unwrap());
    peer.write_all(&[1]).unwrap();
    assert!(wait_at_most(&socket, &[Readiness::Readable], Duration::from_secs(60)).unwrap());
    assert_eq!(set_receive_low_water(unnamed(b""), 1).unwrap_err().errno(), Errno::NOTSOCK);
}

#[test]
fn splice_moves_between_a_file_and_a_pipe_and_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    let (source, target) = (unnamed(b"0123456789"), unnamed(b""));
    let none = SpliceFlags::empty();
    assert_eq!(splice(&source, Some(3), &writer, None, 4, none).unwrap(), 4);
    assert_eq!(splice(&reader, None, &target, Some(5), 100, none).unwrap(), 4);
    let mut bytes = [1; 9];
    assert_eq!(aqueduct_sys::pread(&target, &mut bytes, 0).unwrap(), 9);
    assert_eq!(&bytes, b"\0\0\0\0\x003456");
    assert_eq!(splice(&source, Some(10), &writer, None, 4, none).unwrap(), 0, "the end is a value");
    assert_eq!(splice(&source, Some(0), &target, Some(0), 4, none).unwrap_err().errno(), Errno::INVAL);
    let (socket, _peer) = UnixStream::pair().unwrap();
    assert_eq!(splice(&socket, None, &target, Some(0), 4, none).unwrap_err().errno(), Errno::INVAL);
}

#[test]
fn sendfile_uses_its_own_offset_and_says_0_at_the_end() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut source = unnamed(b"0123456789");
    assert_eq!(sendfile(&ours, &source, 7, 100).unwrap(), 3);
    assert_eq!(sendfile(&ours, &source, 10, 100).unwrap(), 0);
    let mut bytes = [0; 3];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"789");
    let mut from_the_start = Vec::new();
    source.read_to_end(&mut from_the_start).unwrap();
    assert_eq!(from_the_start, b"0123456789", "the position did not move");
}

#[test]
fn a_call_asks_for_no_more_than_linux_moves() {
    let dir = File::open("/dev/shm").unwrap();
    let file = File::from(aqueduct_sys::open_unnamed(dir, 0o600).unwrap());
    file.set_len(3 << 30).unwrap();
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert!(sendfile(null, &file, 0, usize::MAX).unwrap() <= LEN_MAX);
}

#[test]
fn pieces_are_written_as_one() {
    let pieces = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"write")];
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    assert_eq!(writev(&ours, &pieces).unwrap(), 9);
    assert_eq!(sendmsg(&ours, &pieces, SendFlags::NOSIGNAL | SendFlags::MORE).unwrap(), 9);
    let mut bytes = [0; 18];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"one writeone write");
    drop(theirs);
    assert_eq!(sendmsg(&ours, &pieces, SendFlags::NOSIGNAL).unwrap_err().errno(), Errno::PIPE);
    let (_reader, writer) = pipe().unwrap();
    assert_eq!(sendmsg(&writer, &pieces, SendFlags::empty()).unwrap_err().errno(), Errno::NOTSOCK);
}

#[test]
fn what_is_discarded_from_a_tcp_socket_is_gone_and_counted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut ours, b"0123456789").unwrap();
    drop(ours);
    let mut scratch = [7; 6];
    assert_eq!(aqueduct_sys::recv_discard(&theirs, &mut scratch).unwrap(), 6);
    assert_eq!(scratch, [7; 6], "nothing was copied");
    let mut bytes = [0; 10];
    assert_eq!(read(&theirs, &mut bytes).unwrap(), 4);
    assert_eq!(&bytes[..4], b"6789");
    assert_eq!(aqueduct_sys::recv_discard(&theirs, &mut scratch).unwrap(), 0, "the end is a value");
}

#[test]
fn the_limit_on_descriptors_is_read_as_it_was_set() {
    let limit = aqueduct_sys::descriptor_limit();
    aqueduct_sys::set_descriptor_limit(limit).unwrap();
    assert_eq!(aqueduct_sys::descriptor_limit(), limit);
    let too_high = aqueduct_sys::DescriptorLimit { soft: limit.hard.map(|hard| hard + 1), ..limit };
    if limit.hard.is_some() {
        assert_eq!(aqueduct_sys::set_descriptor_limit(too_high).unwrap_err().errno(), Errno::INVAL);
    }
}

#[test]
fn a_connection_tells_what_the_other_side_has_acknowledged_and_its_end_counts_as_a_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut theirs, _) = listener.accept().unwrap();
    let before = tcp_info(&ours).unwrap();
    (&ours).write_all(b"0123456789").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    theirs.read_to_end(&mut Vec::new()).unwrap();
    // What was read is acknowledged soon after, and nothing tells when.
    while tcp_info(&ours).unwrap().bytes_acked < before.bytes_acked + 11 {
        wait_at_most(&ours, &[], Duration::from_millis(1)).unwrap();
    }
    drop(theirs);
    assert_eq!(tcp_info(&ours).unwrap().bytes_acked, before.bytes_acked + 11);
    assert_eq!(tcp_info(unnamed(b"")).unwrap_err().errno(), Errno::NOTSOCK);
}
