//! Files read from their medium: the right bytes, and a page cache that is as it was.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use aqueduct_flow::{Medium, MediumWay};
use aqueduct_sys::{Advice, cachestat, fadvise, fdatasync};

use crate::fixture::{SIZES, memory, pattern, patterned, unnamed_in};

/// Reads all of it, in pieces of `len`.
fn read(medium: &Medium, size: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (index, piece) in bytes.chunks_mut(len).enumerate() {
        medium.read_exact_at(piece, (index * len) as u64).unwrap();
    }
    bytes
}

/// Pages of the file that are in the page cache; `None` before Linux 6.5, where nobody can tell.
fn cached(file: &File) -> Option<u64> {
    cachestat(file, &(0..0)).ok().map(|found| found.cached)
}

fn cool(file: &File) {
    fdatasync(file).unwrap();
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
}

#[test]
fn every_way_reads_the_bytes_that_are_there_whatever_the_offset() {
    for way in MediumWay::ALL {
        for size in SIZES {
            let file = patterned(size);
            let medium = Medium::by(way, &file).unwrap();
            for len in [64 << 10, 4096, 1 << 20, 100_001] {
                assert!(read(&medium, size, len) == pattern(0..size as u64), "{way:?}, {size} by {len}");
            }
        }
    }
}

#[test]
fn what_was_not_in_the_page_cache_is_not_there_after() {
    for way in MediumWay::ALL {
        let file = patterned(1 << 20);
        cool(&file);
        let before = cached(&file);
        let medium = Medium::by(way, &file).unwrap();
        read(&medium, 1 << 20, 256 << 10);
        assert_eq!(cached(&file), before, "{way:?}, as {:?}", medium.way());
    }
}

#[test]
fn what_was_in_the_page_cache_stays_there() {
    for way in MediumWay::ALL {
        let file = patterned(1 << 20);
        cool(&file);
        file.read_exact_at(&mut vec![0; 1 << 20], 0).unwrap();
        let before = cached(&file);
        let medium = Medium::by(way, &file).unwrap();
        read(&medium, 1 << 20, 256 << 10);
        assert_eq!(cached(&file), before, "{way:?}, as {:?}", medium.way());
    }
}

#[test]
fn what_was_written_and_is_not_on_the_medium_yet_is_read_all_the_same() {
    let file = patterned(1 << 20);
    let medium = Medium::new(&file).unwrap();
    file.write_all_at(b"new", 5000).unwrap();
    let mut bytes = [0; 3];
    medium.read_exact_at(&mut bytes, 5000).unwrap();
    assert_eq!(&bytes, b"new");
}

#[test]
fn a_file_that_ends_too_soon_is_told_from_one_that_cannot_be_read() {
    for way in MediumWay::ALL {
        for size in [0, 1, 4096, 5000] {
            let medium = Medium::by(way, patterned(size)).unwrap();
            let read = medium.read_exact_at(&mut vec![0; size + 1], 0);
            assert_eq!(read.unwrap_err().kind(), ErrorKind::UnexpectedEof, "{way:?}, {size}");
        }
    }
}

#[test]
fn a_filesystem_without_a_medium_is_read_too() {
    for way in MediumWay::ALL {
        let file = unnamed_in(memory());
        file.write_all_at(&pattern(0..9000), 0).unwrap();
        assert!(read(&Medium::by(way, &file).unwrap(), 9000, 4096) == pattern(0..9000), "{way:?}");
    }
}

#[test]
fn a_file_whose_name_was_taken_away_is_the_same_file() {
    let directory = tempfile::tempdir_in(crate::fixture::disk()).unwrap();
    let path = directory.path().join("name");
    std::fs::write(&path, b"this one").unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"another").unwrap();
    assert_eq!(read(&Medium::new(&file).unwrap(), 8, 8), b"this one");
}
