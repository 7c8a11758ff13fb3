#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use aqueduct_sys::{Errno, ReadFlags, open_unnamed, preadv2, reflink};

use super::*;
use crate::write_all::write_all_at;

/// A disk and a filesystem in memory.
fn places() -> [&'static Path; 2] {
    [Path::new(env!("CARGO_MANIFEST_DIR")), Path::new("/dev/shm")]
}

fn unnamed(dir: &Path) -> File {
    open_unnamed(File::open(dir).unwrap(), 0o600).unwrap().into()
}

fn ground(dir: &Path) -> Ground {
    Ground::of(&unnamed(dir), &unnamed(dir)).unwrap()
}

#[test]
fn every_filesystem_gives_an_answer_and_the_same_one_twice() {
    for dir in places() {
        assert_eq!(ground(dir), ground(dir), "{}", dir.display());
        let served = Served::of(&unnamed(dir), &unnamed(dir)).unwrap();
        assert_eq!(served, ground(dir).served, "{}", dir.display());
    }
}

#[test]
fn what_is_said_to_work_works_when_it_is_called() {
    for dir in places() {
        let found = ground(dir);
        let file = unnamed(dir);
        write_all_at(&file, &[BYTE; LEN], 0).unwrap();
        let by_flag = |flags| preadv2(&file, &mut [0], 0, flags).map_err(aqueduct_sys::Error::errno);
        let tried = |answer: Result<usize, Errno>| match answer {
            Ok(_) => Tried::Works,
            Err(errno) if tried::refuses(errno) => Tried::Refused(errno),
            Err(errno) => Tried::Untried(errno),
        };
        assert_eq!(found.served.nowait, tried(by_flag(ReadFlags::NOWAIT)), "{}", dir.display());
        let dontcache = ReadFlags::from_bits_retain(0x80);
        assert_eq!(found.dontcache, tried(by_flag(dontcache)), "{}", dir.display());
        let counted = aqueduct_sys::cachestat(&file, &(0..1)).map(|_| 1).map_err(aqueduct_sys::Error::errno);
        assert_eq!(found.cachestat, tried(counted), "{}", dir.display());
        let shared = reflink(&file, unnamed(dir)).map(|()| LEN).map_err(aqueduct_sys::Error::errno);
        assert_eq!(found.reflink, tried(shared), "{}", dir.display());
    }
}

#[test]
fn every_linux_copies_between_files_and_sends_and_splices_them() {
    for dir in places() {
        let found = ground(dir);
        assert_eq!(
            (found.copy_file_range, found.served.splice),
            (Tried::Works, Tried::Works),
            "{}",
            dir.display()
        );
        assert!(matches!(found.served.sendfile, Sending::ByReference | Sending::ByCopy), "{found:?}");
    }
}

#[test]
fn what_was_copied_before_it_was_overwritten_is_told_from_what_was_not() {
    let file = unnamed(places()[0]);
    for (byte, by_reference) in [(BYTE, false), (!BYTE, true)] {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        aqueduct_sys::write(&ours, &[byte; LEN]).unwrap();
        let found = sendfile::overwritten_before_received(&file, LEN, theirs).unwrap();
        assert_eq!(found, by_reference);
    }
}

#[test]
fn a_file_that_cannot_be_sent_is_refused_and_no_connection_is_told_from_that() {
    let directory = File::open("/").unwrap();
    assert_eq!(sendfile::sent(&directory), Sending::Refused(Errno::INVAL));
    let untried = Sending::Untried(Errno::TIMEDOUT).to_string();
    assert!(untried.starts_with("not tried: Connection timed out"), "{untried}");
}

#[test]
fn a_connection_that_never_comes_is_not_waited_for_whoever_else_comes() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let [peer, stranger] = [(); 2].map(|()| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let accepted = |time| sendfile::accepted(&listener, peer.local_addr().unwrap(), time);
    let theirs = accepted(Duration::MAX).unwrap();
    assert_eq!(theirs.peer_addr().unwrap(), peer.local_addr().unwrap());
    // Who was let in is no longer there to come, and the stranger still is.
    let error = accepted(Duration::from_millis(1)).unwrap_err();
    assert_eq!(sendfile::reason(&error), Errno::TIMEDOUT);
    drop(stranger);
}

#[test]
fn a_read_that_would_wait_is_asked_for_once_more_when_the_byte_is_in_memory() {
    let failed = |errno| Err(aqueduct_sys::Error::new("preadv2", errno));
    let again = failed(Errno::AGAIN);
    for (first, read, second, told) in [
        (Ok(1), failed(Errno::IO), again, Tried::Works),
        (again, Ok(1), Ok(1), Tried::Works),
        (again, Ok(1), Ok(0), Tried::Lies),
        (again, Ok(1), again, Tried::Refused(Errno::AGAIN)),
        (again, failed(Errno::IO), Ok(1), Tried::Untried(Errno::IO)),
        (failed(Errno::OPNOTSUPP), Ok(1), Ok(1), Tried::Refused(Errno::OPNOTSUPP)),
    ] {
        let was_read = Cell::new(false);
        let ask = || if was_read.get() { second } else { first };
        let read = || {
            was_read.set(true);
            read
        };
        assert_eq!(nowait::told(ask, read), told);
    }
}

#[test]
fn a_full_disk_is_an_error_and_no_answer() {
    let full = File::options().read(true).write(true).open("/dev/full").unwrap();
    assert_eq!(Ground::of(&full, &full).unwrap_err().errno(), Errno::NOSPC);
    assert_eq!(Served::of(&full, &full).unwrap_err().errno(), Errno::NOSPC);
}

#[test]
fn success_without_bytes_is_a_lie() {
    assert_eq!([Ok(1), Ok(0)].map(|answer| Tried::of(answer, |len| len > 0)), [Tried::Works, Tried::Lies]);
}

#[test]
fn only_an_error_that_speaks_of_the_call_itself_is_a_refusal() {
    use Errno as E;
    let refusals = [E::INVAL, E::NOSYS, E::OPNOTSUPP, E::PERM, E::ACCESS, E::NOTTY];
    let others = [
        E::AGAIN,
        E::NOSPC,
        E::DQUOT,
        E::MFILE,
        E::NFILE,
        E::NOMEM,
        E::NOBUFS,
        E::IO,
        E::TIMEDOUT,
        E::CONNRESET,
    ];
    for errno in refusals.into_iter().chain(others) {
        let answer: aqueduct_sys::Result<()> = Err(aqueduct_sys::Error::new("call", errno));
        let tried = if refusals.contains(&errno) { Tried::Refused(errno) } else { Tried::Untried(errno) };
        assert_eq!(Tried::of(answer, |()| true), tried);
    }
    assert!(Tried::Untried(E::MFILE).to_string().starts_with("not tried: Too many open files"));
}

/// No byte comes: the peer is silent until the time is up, or is gone, or the file takes no page.
#[test]
fn what_keeps_a_page_from_arriving_is_no_word_of_sendfile() {
    let file = unnamed(places()[0]);
    let arriving = |theirs: &[u8]| sendfile::overwritten_before_received(&file, LEN, theirs).unwrap_err();
    assert_eq!(sendfile::reason(&arriving(&[])), Errno::IO);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let silent = sendfile::overwritten_before_received(&file, LEN, theirs).unwrap_err();
    assert_eq!(sendfile::reason(&silent), Errno::AGAIN);
    drop(ours);
    let full = File::options().read(true).write(true).open("/dev/full").unwrap();
    let error = sendfile::overwritten_before_received(&full, LEN, &[0_u8; LEN][..]).unwrap_err();
    assert_eq!(sendfile::reason(&error), Errno::NOSPC);
}

#[test]
fn a_pipe_is_as_large_as_wanted_or_as_it_was_made() {
    let found = pipe().unwrap();
    let (_read_end, write_end) = aqueduct_sys::pipe().unwrap();
    let got = aqueduct_sys::set_pipe_len(&write_end, found.wanted);
    assert_eq!(got.is_ok(), found.len >= found.wanted, "{got:?}");
}
