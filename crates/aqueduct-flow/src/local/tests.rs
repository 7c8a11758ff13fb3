// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use aqueduct_sys::{Errno, stat};

use super::CopyLadder;
use super::ladder::{RUNGS, is_descent};
use crate::{Route, Step};

/// A ladder whose rungs above `rung` have failed for good between the filesystem of `file` and itself.
fn ladder_from(rung: Route, file: &File) -> CopyLadder {
    let ladder = CopyLadder::new();
    let device = stat(file).unwrap().device;
    for above in RUNGS.into_iter().take_while(|&each| each != rung) {
        ladder.note((device, device), above, Errno::OPNOTSUPP);
    }
    ladder
}

fn content(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn every_rung_copies_every_size_and_every_hole() {
    for rung in [Route::CopyFileRange, Route::Sendfile, Route::Copy] {
        for size in [1, 4095, 4096, 4097, 1024 * 1024 + 3] {
            let source = tempfile::tempfile().unwrap();
            let bytes: Vec<u8> = (0..size).map(|n: usize| (n * 31 % 251).to_le_bytes()[0]).collect();
            // Data, a hole, data, and a hole at the end.
            source.write_all_at(&bytes, 0).unwrap();
            source.write_all_at(&bytes, 4 << 20).unwrap();
            source.set_len(8 << 20).unwrap();
            let target = tempfile::tempfile().unwrap();
            let ladder = ladder_from(rung, &source);
            let mut copy = ladder.begin(&source, &target).unwrap();
            while copy.step(100_000).unwrap() != Step::End {}
            assert_eq!(copy.route(), rung);
            assert_eq!(copy.carried().by(rung), copy.carried().total(), "{rung}: {}", copy.carried());
            assert!(content(&source) == content(&target), "{rung}, {size} bytes twice");
            assert_eq!(
                target.metadata().unwrap().blocks(),
                source.metadata().unwrap().blocks(),
                "{rung}: holes"
            );
        }
    }
}

#[test]
fn a_refusal_about_one_file_is_not_held_against_the_next() {
    let ladder = CopyLadder::new();
    for errno in [Errno::INVAL, Errno::PERM, Errno::TXTBSY] {
        assert!(is_descent(errno));
        ladder.note((1, 1), Route::Reflink, errno);
        assert_eq!(ladder.rungs((1, 1)), RUNGS);
    }
    for errno in [Errno::XDEV, Errno::OPNOTSUPP, Errno::NOSYS, Errno::NOTTY] {
        assert!(is_descent(errno));
        let ladder = CopyLadder::new();
        ladder.note((1, 1), Route::Reflink, errno);
        assert_eq!(ladder.rungs((1, 1)), RUNGS[1..]);
        assert_eq!(ladder.rungs((1, 2)), RUNGS, "another pair");
    }
    for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::BADF] {
        assert!(!is_descent(errno), "{errno}: the next rung would fail just so, or hide it");
    }
}

#[test]
fn the_last_rung_is_never_forgotten_and_the_memory_is_bounded() {
    let ladder = CopyLadder::new();
    for device in 0..10_000 {
        for rung in RUNGS {
            ladder.note((device, device), rung, Errno::NOSYS);
        }
        assert_eq!(ladder.rungs((device, device)), [Route::Copy]);
    }
    let known = (0..10_000).filter(|&device| ladder.rungs((device, device)) != RUNGS).count();
    assert!(known <= 1024, "{known} remembered");
}
