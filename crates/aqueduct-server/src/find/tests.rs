#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and damages what it likes"
)]

use aqueduct_blob::Algorithm;
use aqueduct_store::{Absent, Options, Whole};
use tempfile::TempDir;

use super::*;

/// A store with blobs of `sizes`, all different.
fn store(sizes: &[usize]) -> (TempDir, Store, Vec<Digest>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let blobs: Vec<Vec<u8>> = sizes.iter().zip(b'a'..).map(|(size, byte)| vec![byte; *size]).collect();
    let whole: Vec<_> =
        (blobs.iter()).map(|bytes| Whole { algorithm: Algorithm::Sha256, expected: None, bytes }).collect();
    let digests = store.put_all(&whole).into_iter().map(|published| published.unwrap().digest).collect();
    (directory, store, digests)
}

#[test]
fn no_more_is_read_than_was_asked_for() {
    let (_directory, store, digests) = store(&[10, 20, 30, 40]);
    let found = find_first(&store, &Cache::new(64 << 10), &digests, 30);
    let sizes: Vec<_> = found.into_iter().map(|found| found.unwrap().unwrap().size()).collect();
    assert_eq!(sizes, [10, 20]);
}

#[test]
fn it_stops_at_a_large_blob() {
    let (_directory, store, digests) = store(&[10, 100_000, 30]);
    let found = find_first(&store, &Cache::new(64 << 10), &digests, u64::MAX);
    assert_eq!(found.len(), 2);
    assert!(matches!(found[1], Ok(Some(Found::Open(_)))));
}

#[test]
fn what_is_in_memory_is_not_read_again() {
    let (directory, store, digests) = store(&[10, 20]);
    let cache = Cache::new(64 << 10);
    find(&store, &cache, &digests[0]).unwrap().unwrap();
    // Nothing is there to be read any more.
    std::fs::remove_dir_all(directory.path().join("blobs")).unwrap();
    let found = find_first(&store, &cache, &digests, u64::MAX);
    assert!(matches!(&found[0], Ok(Some(Found::Bytes(bytes))) if **bytes == [b'a'; 10]));
    assert!(matches!(found[1], Ok(None)));
}

#[test]
fn of_those_that_are_read_together_the_damaged_one_is_not_here() {
    let (directory, store, digests) = store(&[10, 20, 30]);
    let hex = digests[1].hex();
    let path = directory.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [b'?'; 20]).unwrap();
    let found = find_first(&store, &Cache::new(64 << 10), &digests, u64::MAX);
    let there: Vec<_> = found.into_iter().map(|found| found.unwrap().is_some()).collect();
    assert_eq!(there, [true, false, true]);
    assert!(!path.exists());
}
