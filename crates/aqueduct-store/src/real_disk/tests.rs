use std::os::unix::fs::FileExt;

use aqueduct_sys::{Advice, cachestat, fadvise, fdatasync};

use super::*;

const PAGE_LEN: u64 = 4096;

fn disk() -> RealDisk {
    RealDisk::open(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap().unwrap()
}

/// Pages of it that are in the page cache; `None` before Linux 6.5, where nobody can tell.
fn cached(file: &File, range: std::ops::Range<u64>) -> Option<u64> {
    cachestat(file, &range).ok().map(|found| found.cached)
}

#[test]
fn all_data_of_a_file_is_in_the_page_cache_once_it_was_read_ahead() {
    // On a disk, not in memory.
    let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let (data, hole) = (0..3 << 20, 3 << 20..64 << 20);
    file.write_all_at(&vec![7; 3 << 20], data.start).unwrap();
    file.write_all_at(&[7; 5000], hole.end).unwrap();
    fdatasync(&file).unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    // Else the kernel brings in what it guesses.
    fadvise(&file, 0, None, Advice::Random).unwrap();
    disk().read_ahead(&file).unwrap();
    if let Some(cached_data) = cached(&file, data.clone()) {
        assert_eq!(cached_data, (data.end - data.start) / PAGE_LEN);
        assert_eq!(cached(&file, hole.end..hole.end + 5000), Some(2));
        assert_eq!(cached(&file, hole), Some(0), "a hole takes no memory");
    }
}

#[test]
fn an_empty_file_and_one_of_a_hole_alone_are_read_ahead_too() {
    let file = tempfile::tempfile().unwrap();
    disk().read_ahead(&file).unwrap();
    file.set_len(1 << 40).unwrap();
    disk().read_ahead(&file).unwrap();
}
