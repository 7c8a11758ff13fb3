//! Databases whose pages a medium has changed: redb panics over some of them, and nobody here may.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aqueduct_store::{Entry, FsckMode, Key, OpenError, Options, Overwrite, Store};

use crate::fixture::{bytes, digest, open, put, read};

/// How many damaged files of each database are tried; `AQUEDUCT_DAMAGE_COUNT` says otherwise.
const COUNT: u64 = 60;

/// Where its pages are, there is little else than zeroes.
const PAGE_LEN: usize = 4096;

#[test]
fn a_meta_with_damaged_pages_is_an_error_or_what_it_was_and_never_ends_the_process() {
    let (directory, store) = crate::fixture::store();
    put(&store, b"blob");
    for seed in 0..50 {
        let pinned = bytes(10, seed);
        put(&store, &pinned);
        store.pin(&digest(&pinned)).unwrap();
        let key = Key::new("ac", &seed.to_string()).unwrap();
        let references = vec![digest(b"blob")];
        let entry = Entry { value: digest(&pinned), size: 10, references, fields: Vec::new(), written: 0 };
        store.put_entry(&key, entry, Overwrite::Replace).unwrap();
    }
    let entries = store.entries(None, None, 100).unwrap();
    assert_eq!(entries.len(), 50);
    store.close().unwrap();
    let mut refused = 0;
    for seed in 0..count() {
        let whole = damage(&directory.path().join("meta.redb"), seed);
        match Store::open(directory.path(), aqueduct_store::Absent::Refuse, Options::default()) {
            Ok(store) => {
                assert_eq!(read(&store, &digest(b"blob")).unwrap(), b"blob");
                // Whatever was damaged, no pin was.
                assert_eq!(store.pins(None, 100).unwrap().len(), 50, "{seed}");
                // And no entry.
                assert_eq!(store.entries(None, None, 100).unwrap(), entries, "{seed}");
                for (key, entry) in &entries {
                    assert_eq!(store.entry(key).unwrap().as_ref(), Some(entry), "{seed}");
                }
                // Each of them may fail.
                drop(store.remove_entry(&entries[0].0));
                drop(store.put_entry(&entries[0].0, entries[1].1.clone(), Overwrite::Replace));
                drop(store.pin(&digest(b"blob")));
                drop(store.unpin(&digest(b"blob")));
                drop(store.settle());
                drop(store.close());
            }
            Err(OpenError::DamagedMeta { .. }) => refused += 1,
            Err(error) => panic!("{seed}: {error}"),
        }
        fs::write(directory.path().join("meta.redb"), &whole).unwrap();
    }
    assert!(refused > 0, "damage does damage");
    drop(open(directory.path()).close());
}

#[test]
fn an_index_with_damaged_pages_is_made_anew_and_nobody_notices() {
    let (directory, store) = crate::fixture::store();
    for seed in 0..200 {
        put(&store, &bytes(10, seed));
    }
    store.usage().unwrap();
    store.close().unwrap();
    let index = directory.path().join("index.redb");
    for seed in 0..count() {
        let whole = damage(&index, seed);
        let store = open(directory.path());
        // What was damaged may be found at any of these; after it was, all is as it should be.
        drop(store.usage());
        put(&store, b"one more");
        store.remove(&digest(b"one more")).unwrap();
        drop(store.usage());
        drop(store.keep_room(&|| true));
        drop(store.is_scrub_due(Duration::ZERO));
        store.close().unwrap();
        let fscked = Store::fsck(directory.path(), FsckMode::Mend, &|_| {}, &mut |_| {}).unwrap();
        assert_eq!(fscked.count, 200, "{seed}");
        let store = open(directory.path());
        assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (200, 2000), "{seed}");
        store.close().unwrap();
        fs::write(&index, &whole).unwrap();
    }
}

/// Changes some bytes of the file in place, and answers what it held before.
fn damage(path: &Path, seed: u64) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let used: Vec<usize> = (0..whole.len())
        .step_by(PAGE_LEN)
        .filter(|start| whole[*start..][..64].iter().any(|byte| *byte != 0))
        .collect();
    let mut bytes = whole.clone();
    for _ in 0..random.usize(1..6) {
        // The heads of pages are where contradictions are.
        let within = if random.bool() { 64 } else { PAGE_LEN };
        let place = random.choice(&used).unwrap() + random.usize(..within);
        bytes[place] = if random.bool() { bytes[place] ^ (1 << random.u8(..8)) } else { random.u8(..) };
    }
    fs::write(path, bytes).unwrap();
    whole
}

fn count() -> u64 {
    std::env::var("AQUEDUCT_DAMAGE_COUNT").map_or(COUNT, |count| count.parse().unwrap())
}
