#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aqueduct_blob::Algorithm;
use aqueduct_store::{Absent, Options, Store, Whole};

use super::*;

/// So many different blobs.
fn blobs(count: u8) -> Vec<Blob> {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let open = |number| {
        let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes: &[number] };
        let digest = store.put_all(&[whole]).pop().unwrap().unwrap().digest;
        store.blob(&digest).unwrap().unwrap()
    };
    (0..count).map(open).collect()
}

#[test]
fn a_name_is_looked_for_again_after_a_while() {
    let (opened, blob, now) = (Opened::new(4), blobs(1).remove(0), Instant::now());
    let digest = blob.digest();
    opened.put(blob.clone(), now);
    assert!(opened.find(&digest, now + OPEN_TIME / 2).is_some());
    assert!(opened.find(&digest, now + OPEN_TIME).is_none());
    opened.put(blob, now + OPEN_TIME);
    assert!(opened.find(&digest, now + OPEN_TIME).is_some());
}

#[test]
fn no_more_stay_open_than_were_agreed_on() {
    let (opened, now) = (Opened::new(4), Instant::now());
    for blob in blobs(20) {
        opened.put(blob, now);
    }
    assert_eq!(opened.0.len(), 4);
}

#[test]
fn what_is_forgotten_closes() {
    let (opened, blob) = (Opened::new(4), blobs(1).remove(0));
    opened.put(blob.clone(), Instant::now());
    let kept = opened.take(&blob.digest());
    assert!(opened.find(&blob.digest(), Instant::now()).is_none());
    drop(kept);
    assert!(blob.into_file().is_some(), "nobody else has it open");
}
