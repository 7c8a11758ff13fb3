#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::FileExt;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::Step;
use aqueduct_store::{Absent, Options, Store};
use tempfile::TempDir;

use super::*;
use crate::workers::Crew;

struct Fixture {
    _directory: TempDir,
    store: Store,
    _crew: Crew,
    hashers: Arc<Hashers>,
}

fn fixture(core_count: usize) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let crew = Crew::new("hasher", 2).unwrap();
    let hashers = Hashers::new(crew.workers(), NonZeroUsize::new(core_count).unwrap());
    Fixture { _directory: directory, store, _crew: crew, hashers }
}

fn piece(index: u64) -> Vec<u8> {
    (0..PIECE_LEN).map(|place| u8::try_from((place / 7 + index * 31) % 251).unwrap()).collect()
}

/// Receives one piece more, and shows it.
fn receive(staging: &mut Staging, index: u64) {
    let bytes = piece(index);
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(&bytes, offset)?;
        observe(&bytes);
        Ok(Step::Moved(bytes.len()))
    });
    assert_eq!(step.unwrap(), Step::Moved(bytes.len()));
}

/// Receives until another thread hashes; answers how many pieces came.
fn receive_until_beside(hashers: &Arc<Hashers>, staging: &mut Staging, hashing: &mut Hashing) -> u64 {
    let mut count = 0;
    while hashing.beside.is_none() {
        receive(staging, count);
        hashing.settle(hashers, staging);
        count += 1;
    }
    count
}

fn digest(count: u64) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    (0..count).for_each(|index| hasher.update(&piece(index)));
    hasher.finish().digest
}

#[test]
fn a_large_blob_is_hashed_beside_while_a_core_is_idle() {
    let Fixture { store, hashers, .. } = &fixture(2);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut hashing = Hashing::default();
    let _busy = hashers.work();
    let mut beside_count = 0;
    for index in 0..20 {
        receive(&mut staging, index);
        hashing.settle(hashers, &mut staging);
        beside_count += u32::from(hashing.beside.is_some());
    }
    assert!(beside_count > 0, "the other core was idle");
    hashing.end(&mut staging);
    assert_eq!(hashers.busy_count(), 1, "nobody hashes any more");
    assert_eq!(staging.verify(Some(&digest(20))).unwrap().digest(), digest(20));
}

#[test]
fn it_is_hashed_in_line_where_every_core_receives() {
    let Fixture { store, hashers, .. } = &fixture(2);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut hashing = Hashing::default();
    let _busy = (hashers.work(), hashers.work());
    for index in 0..12 {
        receive(&mut staging, index);
        hashing.settle(hashers, &mut staging);
        assert!(hashing.beside.is_none());
    }
    assert_eq!(staging.verify(Some(&digest(12))).unwrap().digest(), digest(12));
}

#[test]
fn it_goes_on_in_line_once_others_need_the_cores() {
    let Fixture { store, hashers, .. } = &fixture(2);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut hashing = Hashing::default();
    let _busy = hashers.work();
    let count = receive_until_beside(hashers, &mut staging, &mut hashing);
    let _other = hashers.work();
    for index in count..count + 10 {
        receive(&mut staging, index);
        hashing.settle(hashers, &mut staging);
        assert!(hashing.beside.is_none());
    }
    assert_eq!(hashers.busy_count(), 2);
    assert_eq!(staging.verify(Some(&digest(count + 10))).unwrap().digest(), digest(count + 10));
}

#[test]
fn a_peer_that_pauses_keeps_no_thread() {
    let Fixture { store, hashers, .. } = &fixture(2);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut hashing = Hashing::default();
    let busy = hashers.work();
    let count = receive_until_beside(hashers, &mut staging, &mut hashing);
    drop(busy);
    // By itself: nobody tells it that the peer pauses.
    while hashers.busy_count() > 0 {
        std::thread::yield_now();
    }
    receive(&mut staging, count);
    hashing.settle(hashers, &mut staging);
    assert!(hashing.beside.is_none());
    hashing.end(&mut staging);
    assert_eq!(staging.verify(Some(&digest(count + 1))).unwrap().digest(), digest(count + 1));
}

#[test]
fn a_blob_that_is_given_up_lets_its_thread_go() {
    let Fixture { store, hashers, .. } = &fixture(2);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut hashing = Hashing::default();
    receive_until_beside(hashers, &mut staging, &mut hashing);
    drop((hashing, staging));
    while hashers.busy_count() > 0 {
        std::thread::yield_now();
    }
}

const PIECE_LEN: u64 = 1 << 20;
