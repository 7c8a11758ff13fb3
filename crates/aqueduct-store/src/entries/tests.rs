use std::thread;

use aqueduct_blob::{Algorithm, Digest};

use super::{Entry, EntryError, EntryOutcome, Key, NAMESPACE_COUNT_MAX, Overwrite};
use crate::poison::lock;
use crate::{Absent, Options, Store, SyncPolicy, Syncs, Whole};

/// As many as a server has that change its store.
const THREAD_COUNT: u64 = 16;

#[test]
fn entries_that_are_put_together_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Absent::Make, Options::default()).unwrap();
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes: b"value" };
    let value = store.put_all(&[whole]).remove(0).unwrap().digest;
    let put = |name: u64| {
        let key = Key::new("ac", &name.to_string()).unwrap();
        let entry = Entry { value, size: 0, references: Vec::new(), fields: Vec::new(), written: 0 };
        store.put_entry(&key, entry, Overwrite::Replace).unwrap()
    };
    put(THREAD_COUNT);
    // Nobody can write until all are there.
    let writing = lock(&store.inner.entries.writing);
    let before = Syncs::of_process().count;
    thread::scope(|scope| {
        for name in 0..THREAD_COUNT {
            scope.spawn(move || assert_eq!(put(name), EntryOutcome::New));
        }
        while store.entry_counts().get("ac") != Some(&(THREAD_COUNT + 1)) {
            thread::yield_now();
        }
        drop(writing);
    });
    // Two for each commit, of which one, perhaps two, are made; and one if the file became longer.
    let count = Syncs::of_process().count - before;
    assert!((2..=6).contains(&count), "{count} syncs for {THREAD_COUNT} entries");
    store.close().unwrap();
    let store = Store::open(directory.path(), Absent::Refuse, Options::default()).unwrap();
    store.read_entries().unwrap();
    assert_eq!(store.entry_counts().get("ac"), Some(&(THREAD_COUNT + 1)));
}

#[test]
fn the_references_of_an_entry_are_kept_in_order() {
    let digest = |byte| Digest::new(Algorithm::Sha256, [byte; 32]);
    let references = [3, 1, 2, 3, 1, 9].map(digest).to_vec();
    let mut entry = Entry { value: digest(2), size: 0, references, fields: Vec::new(), written: 0 };
    assert!(!entry.is_in_order());
    entry.put_in_order();
    assert_eq!(entry.references, [1, 3, 9].map(digest));
    assert!(entry.is_in_order());
}

#[test]
fn only_so_many_namespaces_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { sync: SyncPolicy::None, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, options).unwrap();
    let whole = Whole { algorithm: Algorithm::Sha256, expected: None, bytes: b"value" };
    let value = store.put_all(&[whole]).remove(0).unwrap().digest;
    let put = |namespace: u64, name: &str| {
        let key = Key::new(&format!("ac/{namespace}"), name).unwrap();
        let entry = Entry { value, size: 0, references: Vec::new(), fields: Vec::new(), written: 0 };
        store.put_entry(&key, entry, Overwrite::Replace)
    };
    for namespace in 0..NAMESPACE_COUNT_MAX {
        assert_eq!(put(namespace, "a").unwrap(), EntryOutcome::New);
    }
    let refused = put(NAMESPACE_COUNT_MAX, "a").unwrap_err();
    assert!(matches!(refused, EntryError::TooMany { limit: NAMESPACE_COUNT_MAX }), "{refused}");
    // Those that are there take more, and one that has nothing any more makes room.
    assert_eq!(put(7, "b").unwrap(), EntryOutcome::New);
    assert!(store.remove_entry(&Key::new("ac/8", "a").unwrap()).unwrap());
    assert_eq!(put(NAMESPACE_COUNT_MAX, "a").unwrap(), EntryOutcome::New);
}
