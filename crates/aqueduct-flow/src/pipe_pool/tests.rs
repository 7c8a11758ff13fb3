// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::io::{Seek, Write};
use std::os::fd::{AsFd, AsRawFd};

use super::{PIPE_LEN, POOL_COUNT_MAX, PooledPipe};

fn file(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn a_pipe_comes_back_empty_whatever_was_left_in_it() {
    let mut pipe = PooledPipe::take().unwrap();
    let number = pipe.read_end().as_raw_fd();
    assert_eq!(pipe.fill(file(b"stale").as_fd(), Some(0), 5).unwrap(), 5);
    drop(pipe);
    let mut pipe = PooledPipe::take().unwrap();
    assert_eq!(pipe.read_end().as_raw_fd(), number, "the same pipe");
    assert_eq!(pipe.held(), 0);
    assert_eq!(pipe.fill(file(b"fresh").as_fd(), Some(0), 5).unwrap(), 5);
    let target = file(b"");
    assert_eq!(pipe.drain(target.as_fd(), Some(0), false).unwrap(), 5);
    let mut bytes = [0; 10];
    assert_eq!(aqueduct_sys::pread(&target, &mut bytes, 0).unwrap(), 5);
    assert_eq!(&bytes[..5], b"fresh");
}

#[test]
fn the_pool_keeps_a_few_and_closes_the_rest() {
    let pipes: Vec<_> = (0..POOL_COUNT_MAX + 3).map(|_| PooledPipe::take().unwrap()).collect();
    assert!(pipes.iter().all(|pipe| pipe.len() <= PIPE_LEN));
    drop(pipes);
    assert_eq!(super::POOL.with_borrow(|pool| pool.pipes.len()), POOL_COUNT_MAX);
}
