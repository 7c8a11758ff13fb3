//! Files with content that tells its offset, and channels so small that every step is a partial one.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use aqueduct_flow::{Carried, Route};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

/// Sizes around a page, and one that no buffer of a channel here holds.
pub(crate) const SIZES: [usize; 6] = [0, 1, 4095, 4096, 4097, LARGE];

/// More than every buffer on the way, and odd.
pub(crate) const LARGE: usize = 1024 * 1024 + 3;

/// The bytes that belong at `range` of every test file: no period that a wrong offset could hide behind.
pub(crate) fn pattern(range: Range<u64>) -> Vec<u8> {
    let byte = |offset: u64| offset.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
    range.map(byte).collect()
}

/// Where test files go: on a disk, not in memory.
pub(crate) fn disk() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Another filesystem than [`disk`].
pub(crate) fn memory() -> &'static Path {
    Path::new("/dev/shm")
}

pub(crate) fn unnamed_in(dir: &Path) -> File {
    aqueduct_sys::open_unnamed(File::open(dir).unwrap(), 0o600).unwrap().into()
}

pub(crate) fn unnamed() -> File {
    unnamed_in(disk())
}

/// An unnamed file of `size` bytes of [`pattern`].
pub(crate) fn patterned(size: usize) -> File {
    let file = unnamed();
    file.write_all_at(&pattern(0..size as u64), 0).unwrap();
    file
}

pub(crate) fn content(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Compares without printing megabytes.
#[track_caller]
pub(crate) fn assert_same(actual: &[u8], expected: &[u8], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}: length");
    let differs = actual.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "{what}: first difference");
}

#[track_caller]
pub(crate) fn assert_only(carried: &Carried, route: Route, len: u64, what: &str) {
    assert_eq!((carried.by(route), carried.total()), (len, len), "{what}: carried by {carried}");
}

/// A channel with the smallest buffers that the kernel grants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Channel {
    Unix,
    Tcp,
    Pipe,
}

impl Channel {
    pub(crate) const ALL: [Self; 3] = [Self::Unix, Self::Tcp, Self::Pipe];

    /// The writing end and the reading end, both blocking.
    pub(crate) fn open(self) -> (OwnedFd, OwnedFd) {
        match self {
            Self::Unix => {
                let (writer, reader) = UnixStream::pair().unwrap();
                shrink(writer.into(), reader.into())
            }
            Self::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (reader, _) = listener.accept().unwrap();
                writer.set_nodelay(true).unwrap();
                set_socket_send_buffer_size(&writer, 1).unwrap();
                // Smaller, and the window closes below a segment of loopback: every opening of it then waits for a timer.
                set_socket_recv_buffer_size(&reader, 128 * 1024).unwrap();
                (writer.into(), reader.into())
            }
            Self::Pipe => {
                let (reader, writer) = aqueduct_sys::pipe().unwrap();
                assert_eq!(aqueduct_sys::set_pipe_len(&writer, 4096).unwrap(), 4096);
                (writer, reader)
            }
        }
    }
}

fn shrink(writer: OwnedFd, reader: OwnedFd) -> (OwnedFd, OwnedFd) {
    // socket(7): both are raised to a minimum, of some 2 to 4 KiB.
    set_socket_send_buffer_size(&writer, 1).unwrap();
    set_socket_recv_buffer_size(&reader, 1).unwrap();
    (writer, reader)
}

pub(crate) fn set_nonblocking(fd: &OwnedFd) {
    fcntl_setfl(fd, fcntl_getfl(fd).unwrap() | OFlags::NONBLOCK).unwrap();
}

/// Reads to the end in odd pieces.
pub(crate) fn read_slowly(fd: OwnedFd) -> Vec<u8> {
    let mut file = File::from(fd);
    let mut bytes = Vec::new();
    for len in [1, 997, 4096, 8191].into_iter().cycle() {
        let mut piece = vec![0; len];
        match file.read(&mut piece).unwrap() {
            0 => break,
            filled => bytes.extend_from_slice(&piece[..filled]),
        }
    }
    bytes
}

/// Writes all in odd pieces, and closes.
pub(crate) fn write_slowly(fd: OwnedFd, bytes: &[u8]) {
    let mut file = File::from(fd);
    let mut left = bytes;
    for len in [1, 997, 4096, 8191].into_iter().cycle() {
        let (piece, rest) = left.split_at(len.min(left.len()));
        file.write_all(piece).unwrap();
        left = rest;
        if left.is_empty() {
            break;
        }
    }
}
