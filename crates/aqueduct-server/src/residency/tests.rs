#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::sync::Arc;

use aqueduct_sys::{Advice, fadvise, fdatasync};

use super::*;

/// On a disk, not in memory.
fn file(len: usize) -> File {
    let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    file.write_all(&vec![7; len]).unwrap();
    fdatasync(&file).unwrap();
    file
}

/// The same, on the disk alone, and no read brings in more than it asks for.
fn cold_file(len: usize) -> File {
    let file = file(len);
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    fadvise(&file, 0, None, Advice::Random).unwrap();
    file
}

/// Whether that is ever so. Some virtual disks answer at times within the call that asks them: then not even `RWF_NOWAIT` finds
/// what is not in memory.
fn is_ever(check: impl Fn() -> bool) -> bool {
    (0..1000).any(|_| check())
}

#[test]
fn what_was_dropped_from_memory_is_cold_and_what_was_read_is_warm() {
    let len = 3 << 20;
    let file = file(len);
    let window = 0..len as u64;
    assert!(is_warm(&file, &window), "just written");
    assert!(is_ever(|| {
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        !is_warm(&file, &window)
    }));
    warm(&file, window.clone(), &mut [0; 4096]).unwrap();
    assert!(is_warm(&file, &window));
}

#[test]
fn a_warm_end_does_not_hide_what_is_cold_before_it() {
    let len = 1 << 20;
    assert!(is_ever(|| {
        let file = cold_file(len);
        warm(&file, len as u64 - 1..len as u64, &mut [0; 1]).unwrap();
        assert!(is_warm(&file, &(len as u64 - 1..len as u64)));
        !is_warm(&file, &(0..len as u64))
    }));
}

#[test]
fn whoever_asks_for_a_byte_brings_in_all_that_it_is_a_sample_of() {
    let block = BLOCK_LEN as u64;
    let is_block_before_cold = || {
        let file = cold_file(1 << 20);
        warm(&file, 2 * block..2 * block + 1, &mut [0; 4096]).unwrap();
        for page in (2 * block..3 * block).step_by(4096) {
            assert_eq!(preadv2(&file, &mut [0], page, ReadFlags::NOWAIT).unwrap(), 1);
        }
        !is_warm(&file, &(block..3 * block))
    };
    assert!(is_ever(is_block_before_cold), "the block before was not asked for");
}

#[test]
fn whoever_sends_a_byte_brings_in_all_that_it_is_a_sample_of() {
    let block = BLOCK_LEN as u64;
    let sent = 2 * block + 5000..2 * block + 5001;
    let is_block_before_cold = || {
        let file = cold_file(1 << 20);
        assert_eq!(file.read_at(&mut [0], sent.start).unwrap(), 1);
        complete(&file, &sent, &mut [0; 4096]);
        for page in (2 * block..3 * block).step_by(4096) {
            assert_eq!(preadv2(&file, &mut [0], page, ReadFlags::NOWAIT).unwrap(), 1);
        }
        !is_warm(&file, &(block..3 * block))
    };
    assert!(is_ever(is_block_before_cold), "the block before was not sent");
}

#[test]
fn a_window_behind_the_end_of_the_file_is_never_warm_and_ends_nobody() {
    let file = file(10);
    assert!(!is_warm(&file, &(0..11)));
    warm(&file, 0..11, &mut [0; 4096]).unwrap();
    assert!(is_warm(&file, &(0..0)));
}

#[test]
fn a_file_is_read_ahead_where_what_lies_far_ahead_is_not_in_memory() {
    let far = AHEAD_LEN + (5 << 20);
    let file = file(0);
    file.set_len(far + 1).unwrap();
    fadvise(&file, 0, None, Advice::Random).unwrap();
    let is_read_ahead = |end| is_read_ahead(&file, end, far + 1);
    if cachestat(&file, &(0..1)).is_err() {
        assert!(!is_read_ahead(0), "nobody can tell");
        return;
    }
    warm(&file, 0..1 << 20, &mut [0; 4096]).unwrap();
    assert!(is_read_ahead(1 << 20), "what is near says nothing");
    warm(&file, AHEAD_LEN + (1 << 20)..AHEAD_LEN + (1 << 20) + 1, &mut [0; 4096]).unwrap();
    assert!(!is_read_ahead(1 << 20));
    assert!(is_read_ahead(6 << 20));
    warm(&file, far..far + 1, &mut [0; 4096]).unwrap();
    assert!(!is_read_ahead(6 << 20), "there is no more than its last byte");
}

#[test]
fn a_window_is_no_longer_than_a_turn() {
    let extent = Extent::new(Arc::new(file(1)), 5..100);
    assert_eq!(window(&extent, 10), 5..15);
    assert_eq!(window(&extent, 1000), 5..100);
}

#[test]
fn where_nobody_can_tell_nothing_is_warm() {
    // The files of /proc answer EOPNOTSUPP.
    let file = File::open("/proc/self/status").unwrap();
    assert_eq!(file.read_at(&mut [0], 0).unwrap(), 1);
    assert!(!is_warm(&file, &(0..1)));
}
