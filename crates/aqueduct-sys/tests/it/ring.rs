//! Sends by a ring. A kernel or a container may refuse one: that is right where it is said why.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;

use aqueduct_sys::{Errno, Error, ReadMapping, Result, SendRing, Told, calls_made};

use crate::unnamed;

/// Those of a kernel without it, or a filter that forbids it.
const REFUSALS: [Errno; 4] = [Errno::PERM, Errno::NOSYS, Errno::NOMEM, Errno::OPNOTSUPP];

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

/// `None` where there is none, for one of the reasons that there are.
fn ring() -> Option<SendRing> {
    match SendRing::open(4) {
        Ok(ring) => Some(ring),
        Err(error) => {
            assert!(REFUSALS.contains(&error.errno()), "{error}");
            eprintln!("not tested: {error}");
            None
        }
    }
}

/// A ring whose kernel says whether it copies; one older than Linux 6.2 does not know the question.
fn telling_ring() -> Option<SendRing> {
    let mut ring = ring()?;
    let (socket, _peer) = tcp_pair();
    match sent(&mut ring, &socket, &mapping(b"x"), 0..1).0 {
        Ok(_) => Some(ring),
        Err(error) => {
            assert_eq!(error.errno(), Errno::INVAL);
            eprintln!("not tested: {error}");
            None
        }
    }
}

fn mapping(content: &[u8]) -> Arc<ReadMapping> {
    Arc::new(ReadMapping::new(unnamed(content), 0..content.len() as u64).unwrap())
}

/// Sends, and waits until the kernel is done with it; gives what it took, and whether it copied, if it kept the memory.
fn sent(
    ring: &mut SendRing,
    socket: impl AsFd,
    mapping: &Arc<ReadMapping>,
    range: std::ops::Range<usize>,
) -> (Result<usize>, Option<bool>) {
    let number = ring.send(socket, mapping, range).unwrap();
    let mut taken = None;
    loop {
        match ring.told() {
            Some(Told::Taken { number: of, len, is_kept }) => {
                assert_eq!(of, number);
                if !is_kept {
                    return (len, None);
                }
                taken = Some(len);
            }
            Some(Told::Freed { number: of, is_copied }) => {
                assert_eq!(of, number);
                return (taken.expect("it is taken before it is free"), Some(is_copied));
            }
            None => ring.wait().unwrap(),
        }
    }
}

#[test]
fn a_ring_of_no_entries_is_refused() {
    let error = SendRing::open(0).unwrap_err();
    assert_eq!(error.call(), "io_uring_setup");
    assert!(error.errno() == Errno::INVAL || REFUSALS.contains(&error.errno()), "{error}");
}

#[test]
fn what_is_sent_by_a_ring_arrives_and_is_told_of() {
    let Some(mut ring) = telling_ring() else { return };
    let (ours, mut theirs) = tcp_pair();
    let mapping = mapping(b"0123456789");
    assert_eq!(ring.told(), None, "nothing is under way");
    assert_eq!(sent(&mut ring, &ours, &mapping, 0..4), (Ok(4), Some(true)), "over loopback it is copied");
    assert_eq!(sent(&mut ring, &ours, &mapping, 4..10), (Ok(6), Some(true)));
    let mut bytes = [0; 10];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"0123456789");
    assert_eq!(Arc::strong_count(&mapping), 1, "the ring is done with it");
}

#[test]
fn a_send_is_one_call_and_what_is_told_is_none() {
    let Some(mut ring) = ring() else { return };
    let (ours, _theirs) = tcp_pair();
    let mapping = mapping(b"0123456789");
    let before = calls_made();
    ring.send(&ours, &mapping, 0..10).unwrap();
    assert!(matches!(ring.told(), Some(Told::Taken { number: 0, .. })));
    assert_eq!(calls_made() - before, 1);
}

#[test]
fn a_socket_that_fills_takes_what_it_can() {
    let Some(mut ring) = telling_ring() else { return };
    let (ours, mut theirs) = tcp_pair();
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, 4096).unwrap();
    let content: Vec<u8> = (0..1_000_003_u32).map(|number| (number % 251) as u8).collect();
    let mapping = mapping(&content);
    let reader = thread::spawn(move || {
        let mut arrived = Vec::new();
        theirs.read_to_end(&mut arrived).unwrap();
        arrived
    });
    let mut offset = 0;
    let mut count = 0;
    while offset < mapping.len() {
        offset += sent(&mut ring, &ours, &mapping, offset..mapping.len()).0.unwrap();
        count += 1;
    }
    drop(ours);
    assert!(reader.join().unwrap() == content, "the same bytes, in order");
    assert!(count > 1, "{count} sends");
}

#[test]
fn a_send_that_fails_says_why_and_leaves_the_ring_of_use() {
    let Some(mut ring) = telling_ring() else { return };
    let mapping = mapping(b"0123456789");
    let (refused, _) = sent(&mut ring, unnamed(b""), &mapping, 0..10);
    assert_eq!(refused, Err(Error::new("IORING_OP_SEND_ZC", Errno::NOTSOCK)));
    let (ours, _theirs) = tcp_pair();
    assert_eq!(sent(&mut ring, &ours, &mapping, 0..10).0, Ok(10));
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let (gone, _) = sent(&mut ring, &ours, &mapping, 0..10);
    assert_eq!(gone.unwrap_err().errno(), Errno::PIPE, "an error, and no signal");
    assert_eq!(Arc::strong_count(&mapping), 1);
}

#[test]
fn a_ring_that_goes_leaves_mapped_what_the_kernel_may_still_read() {
    let Some(mut ring) = telling_ring() else { return };
    let (ours, mut theirs) = tcp_pair();
    let mapping = mapping(b"0123456789");
    ring.send(&ours, &mapping, 0..10).unwrap();
    drop(ring);
    assert_eq!(Arc::strong_count(&mapping), 2, "nobody has said that it is free");
    let mut bytes = [0; 10];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"0123456789");
}
