#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and damages what it likes"
)]

use std::ops::ControlFlow;

use aqueduct_blob::Algorithm;
use aqueduct_store::{Absent, Options, SyncPolicy, Whole};
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
    let found = find_first(&store, &Cache::new(64 << 10, 8), &digests, 30);
    let sizes: Vec<_> = found.into_iter().map(|found| found.unwrap().unwrap().size()).collect();
    assert_eq!(sizes, [10, 20]);
}

#[test]
fn it_stops_at_a_large_blob() {
    let (_directory, store, digests) = store(&[10, 100_000, 30]);
    let found = find_first(&store, &Cache::new(64 << 10, 8), &digests, u64::MAX);
    assert_eq!(found.len(), 2);
    assert!(matches!(found[1], Ok(Some(Found::Open(_)))));
}

#[test]
fn what_is_in_memory_is_not_read_again() {
    let (directory, store, digests) = store(&[10, 20]);
    let cache = Cache::new(64 << 10, 8);
    find(&store, &cache, &digests[0]).unwrap().unwrap();
    // Nothing is there to be read any more.
    std::fs::remove_dir_all(directory.path().join("blobs")).unwrap();
    let found = find_first(&store, &cache, &digests, u64::MAX);
    assert!(matches!(&found[0], Ok(Some(Found::Bytes(bytes))) if **bytes == [b'a'; 10]));
    assert!(matches!(found[1], Ok(None)));
}

#[test]
fn a_large_blob_is_opened_once() {
    let (directory, store, digests) = store(&[100_000]);
    let cache = Cache::new(64 << 10, 8);
    assert!(at_hand(&store, &cache, &digests[0]).is_none());
    find(&store, &cache, &digests[0]).unwrap().unwrap();
    // There is no name to be looked for any more.
    std::fs::remove_dir_all(directory.path().join("blobs")).unwrap();
    assert!(matches!(at_hand(&store, &cache, &digests[0]), Some(Found::Open(_))));
    assert!(matches!(find(&store, &cache, &digests[0]), Ok(Some(Found::Open(_)))));
}

#[test]
fn what_was_opened_before_something_was_removed_does_not_stay_open() {
    let (_directory, store, digests) = store(&[100_000]);
    let cache = Cache::new(64 << 10, 8);
    let (ticket, blob) = (cache.ticket(), store.blob(&digests[0]).unwrap().unwrap());
    cache.removed(&digests[0]);
    cache.put_open(ticket, blob);
    assert!(at_hand(&store, &cache, &digests[0]).is_none());
}

#[test]
fn a_blob_whose_file_was_taken_away_by_hand_is_closed_when_it_is_looked_for() {
    let (directory, store, digests) = store(&[100_000]);
    let cache = Cache::new(64 << 10, 8);
    find(&store, &cache, &digests[0]).unwrap().unwrap();
    std::fs::remove_dir_all(directory.path().join("blobs")).unwrap();
    let ticket = cache.ticket();
    assert!(matches!(read(&store, &cache, ticket, &digests[0]), Ok(None)));
    assert!(at_hand(&store, &cache, &digests[0]).is_none());
}

#[test]
fn while_there_are_suspects_no_open_blob_is_believed() {
    let directory = tempfile::tempdir().unwrap();
    let loose = Options { sync: SyncPolicy::None, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, loose).unwrap();
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes: &[7; 100_000] };
    let digest = store.put_all(&[whole]).pop().unwrap().unwrap().digest;
    // As a kill does.
    drop(store);
    let store = Store::open(directory.path(), Absent::Refuse, loose).unwrap();
    let cache = Cache::new(64 << 10, 8);
    find(&store, &cache, &digest).unwrap().unwrap();
    assert!(store.has_suspects() && at_hand(&store, &cache, &digest).is_none());
    assert!(store.check_suspects(&|_| ControlFlow::Continue(()), &mut |_| {}).unwrap());
    assert!(at_hand(&store, &cache, &digest).is_some());
}

#[test]
fn of_those_that_are_read_together_the_damaged_one_is_not_here() {
    let (directory, store, digests) = store(&[10, 20, 30]);
    let hex = digests[1].hex();
    let path = directory.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [b'?'; 20]).unwrap();
    let found = find_first(&store, &Cache::new(64 << 10, 8), &digests, u64::MAX);
    let there: Vec<_> = found.into_iter().map(|found| found.unwrap().is_some()).collect();
    assert_eq!(there, [true, false, true]);
    assert!(!path.exists());
}

#[test]
fn what_was_read_wrong_and_is_right_on_the_disk_is_there() {
    let (_directory, store, digests) = store(&[10]);
    let cache = Cache::new(64 << 10, 8);
    let found = verify_again(&store, &cache, &digests[0]).unwrap();
    assert!(matches!(found, Some(Found::Bytes(bytes)) if bytes.len() == 10));
}
