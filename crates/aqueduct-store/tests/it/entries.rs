//! Entries: put, found, replaced, removed, listed and counted, and gone with the blobs they name.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aqueduct_store::{
    Absent, Cause, Entry, EntryError, EntryOutcome, FIELD_COUNT_MAX, FIELD_LEN_MAX, Key, Limits, Options,
    Overwrite, REFERENCE_COUNT_MAX, Store, SyncPolicy,
};

use aqueduct_testkit::Plan;

use crate::fixture::{bytes, digest, open, put, reopen, simulated};

fn key(name: &str) -> Key {
    Key::new("ac", name).unwrap()
}

/// Puts a blob for each of these texts; the first is the value.
fn entry(store: &Store, texts: &[&str]) -> Entry {
    for text in texts {
        put(store, text.as_bytes());
    }
    naming(texts)
}

fn naming(texts: &[&str]) -> Entry {
    let digests: Vec<_> = texts.iter().map(|text| digest(text.as_bytes())).collect();
    Entry { value: digests[0], size: 0, references: digests[1..].to_vec(), fields: Vec::new(), written: 0 }
}

fn loose(directory: &std::path::Path) -> Store {
    let options = Options { sync: SyncPolicy::None, ..Options::default() };
    Store::open(directory, Absent::Make, options).unwrap()
}

fn count(store: &Store) -> u64 {
    store.entry_counts().values().sum()
}

#[test]
fn an_entry_is_found_as_it_was_put_and_after_the_store_was_opened_again() {
    for open in [open, loose] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        assert_eq!(store.may_have_entry(&key("a")), None, "nobody has read what is there");
        assert_eq!(store.entry(&key("a")).unwrap(), None);
        assert_eq!(store.may_have_entry(&key("a")), Some(false));
        let mut entry = entry(&store, &["value", "one", "two", "one", "value"]);
        entry.fields = vec![("x-tag".to_owned(), "a: b".to_owned()), ("empty".to_owned(), String::new())];
        assert_eq!(store.put_entry(&key("a"), entry.clone(), Overwrite::Replace).unwrap(), EntryOutcome::New);
        let found = store.entry(&key("a")).unwrap().unwrap();
        assert_eq!((found.value, found.size, &found.fields), (digest(b"value"), 5, &entry.fields));
        let mut references = vec![digest(b"one"), digest(b"two")];
        references.sort();
        assert_eq!(found.references, references);
        assert!(found.written > 1_700_000_000);
        assert_eq!(store.may_have_entry(&key("a")), Some(true));
        assert_eq!(store.entry(&key("b")).unwrap(), None);
        store.close().unwrap();
        let store = open(directory.path());
        assert_eq!(store.entry(&key("a")).unwrap().unwrap(), found);
        assert_eq!(store.entry_counts(), [("ac".to_owned(), 1)].into());
        assert_eq!(store.entries(None, None, 10).unwrap(), [(key("a"), found)]);
        store.close().unwrap();
    }
}

#[test]
fn an_entry_is_replaced_or_kept_as_it_was_asked_for() {
    let (_directory, store) = crate::fixture::store();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    store.watch_entries(move |key| hears.lock().unwrap().push(key.clone()));
    let (one, two) = (entry(&store, &["one", "r"]), entry(&store, &["two"]));
    let put = |entry: &Entry, overwrite| store.put_entry(&key("a"), entry.clone(), overwrite).unwrap();
    assert_eq!(put(&one, Overwrite::Keep), EntryOutcome::New);
    assert_eq!(put(&one, Overwrite::Keep), EntryOutcome::Same);
    assert_eq!(put(&one, Overwrite::Replace), EntryOutcome::Same);
    assert_eq!(put(&two, Overwrite::Keep), EntryOutcome::Kept);
    assert_eq!(store.entry(&key("a")).unwrap().unwrap().value, one.value);
    assert_eq!(*heard.lock().unwrap(), []);
    assert_eq!(put(&two, Overwrite::Replace), EntryOutcome::Replaced);
    assert_eq!(store.entry(&key("a")).unwrap().unwrap().value, two.value);
    assert_eq!(*heard.lock().unwrap(), [key("a")]);
    // What it named before is nothing to it any more.
    assert!(store.remove(&digest(b"r")).unwrap());
    assert!(store.entry(&key("a")).unwrap().is_some());
    assert_eq!(count(&store), 1);
    assert!(store.remove_entry(&key("a")).unwrap());
    assert!(!store.remove_entry(&key("a")).unwrap());
    assert_eq!((store.entry(&key("a")).unwrap(), count(&store)), (None, 0));
    assert_eq!(*heard.lock().unwrap(), [key("a"), key("a")]);
    assert!(store.has(&two.value).unwrap(), "its blobs stay");
}

#[test]
fn an_entry_that_names_what_is_not_here_is_refused() {
    let (_directory, store) = crate::fixture::store();
    put(&store, b"value");
    for (texts, missing) in [(["value", "gone"], "gone"), (["gone", "value"], "gone")] {
        match store.put_entry(&key("a"), naming(&texts), Overwrite::Replace) {
            Err(EntryError::Incomplete { digest: found }) => assert_eq!(found, digest(missing.as_bytes())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((store.entry(&key("a")).unwrap(), count(&store)), (None, 0));
}

#[test]
fn an_entry_is_no_larger_than_the_limits_say() {
    let (_directory, store) = crate::fixture::store();
    let entry = entry(&store, &["value"]);
    let put = |entry| store.put_entry(&key("a"), entry, Overwrite::Replace);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let with = |fields| Entry { fields, ..entry.clone() };
    for field in [field("", "x"), field("a:b", "x"), field("a", "x\ny"), field("a\r", "x")] {
        assert!(matches!(put(with(vec![field])), Err(EntryError::BadField)));
    }
    let long = field("name", &"x".repeat(FIELD_LEN_MAX));
    assert!(matches!(put(with(vec![long])), Err(EntryError::FieldTooLong { .. })));
    let many = vec![field("name", "value"); FIELD_COUNT_MAX + 1];
    assert!(matches!(put(with(many)), Err(EntryError::TooManyFields { .. })));
    let references = (0..=REFERENCE_COUNT_MAX).map(|number| digest(&number.to_le_bytes())).collect();
    let many = Entry { references, ..entry.clone() };
    assert!(matches!(put(many), Err(EntryError::TooManyReferences { .. })));
    put(with(vec![field("name", &"x".repeat(FIELD_LEN_MAX - 4)); FIELD_COUNT_MAX])).unwrap();
}

#[test]
fn a_blob_that_goes_takes_its_entries_with_it() {
    for open in [open, loose] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        store.watch_entries(move |key| hears.lock().unwrap().push(key.clone()));
        let one = entry(&store, &["one", "shared"]);
        let two = entry(&store, &["two", "shared", "else"]);
        let three = entry(&store, &["shared"]);
        let other = entry(&store, &["other"]);
        for (name, entry) in [("1", &one), ("2", &two)] {
            store.put_entry(&key(name), entry.clone(), Overwrite::Replace).unwrap();
        }
        // Some of them are written, some have only gathered.
        store.settle().unwrap();
        for (name, entry) in [("3", &three), ("4", &other)] {
            store.put_entry(&key(name), entry.clone(), Overwrite::Replace).unwrap();
        }
        assert!(store.remove(&digest(b"shared")).unwrap());
        for name in ["1", "2", "3"] {
            assert_eq!(store.entry(&key(name)).unwrap(), None);
            assert_eq!(store.may_have_entry(&key(name)), Some(false));
        }
        let mut told = std::mem::take(&mut *heard.lock().unwrap());
        told.sort();
        assert_eq!(told, [key("1"), key("2"), key("3")]);
        assert_eq!((store.entries(None, None, 10).unwrap().len(), count(&store)), (1, 1));
        // That it comes back does not bring them back.
        put(&store, b"shared");
        assert_eq!(store.entry(&key("3")).unwrap(), None);
        store.close().unwrap();
        let store = open(directory.path());
        store.read_entries().unwrap();
        assert_eq!((store.entries(None, None, 10).unwrap().len(), count(&store)), (1, 1));
    }
}

#[test]
fn an_entry_whose_blob_somebody_deleted_is_none_and_its_row_goes() {
    let (directory, store) = crate::fixture::store();
    let entry = entry(&store, &["value", "reference"]);
    store.put_entry(&key("a"), entry.clone(), Overwrite::Replace).unwrap();
    std::fs::remove_file(crate::fixture::path(directory.path(), "blobs", &digest(b"reference"))).unwrap();
    assert_eq!((store.entry(&key("a")).unwrap(), count(&store)), (None, 0));
    // One that stands in the way keeps nobody from putting another.
    put(&store, b"reference");
    store.put_entry(&key("a"), entry.clone(), Overwrite::Replace).unwrap();
    std::fs::remove_file(crate::fixture::path(directory.path(), "blobs", &digest(b"reference"))).unwrap();
    put(&store, b"else");
    let outcome = store.put_entry(&key("a"), naming(&["else"]), Overwrite::Keep).unwrap();
    assert_eq!(outcome, EntryOutcome::Replaced);
    assert_eq!(store.entry(&key("a")).unwrap().unwrap().value, digest(b"else"));
}

#[test]
fn a_list_is_in_order_whatever_is_written_and_whatever_has_gathered() {
    let directory = tempfile::tempdir().unwrap();
    let store = loose(directory.path());
    let entry = entry(&store, &["value"]);
    let put = |namespace: &str, name: u32| {
        let key = Key::new(namespace, &format!("{name:03}")).unwrap();
        store.put_entry(&key, entry.clone(), Overwrite::Replace).unwrap();
        key
    };
    let mut all = Vec::new();
    for (round, namespace) in ["b", "a", "a/x", ""].into_iter().enumerate() {
        all.extend((0..20).map(|name| put(namespace, name * 2)));
        if round == 1 {
            store.settle().unwrap();
            all.extend((0..20).map(|name| put("b", name * 2 + 1)));
            for name in 0..10 {
                let gone = Key::new("a", &format!("{:03}", name * 2)).unwrap();
                assert!(store.remove_entry(&gone).unwrap());
                all.retain(|key| *key != gone);
            }
        }
    }
    all.sort();
    for limit in [1, 3, 7, 100] {
        for namespace in [None, Some("a"), Some("b"), Some(""), Some("none")] {
            let wanted: Vec<_> =
                all.iter().filter(|key| namespace.is_none_or(|it| key.namespace() == it)).cloned().collect();
            let mut listed: Vec<Key> = Vec::new();
            loop {
                let page = store.entries(namespace, listed.last(), limit).unwrap();
                let is_last = page.len() < limit;
                listed.extend(page.into_iter().map(|(key, _)| key));
                if is_last {
                    break;
                }
            }
            assert_eq!(listed, wanted, "{limit} {namespace:?}");
        }
    }
}

#[test]
fn a_hit_keeps_what_an_entry_names_from_being_evicted() {
    let directory = tempfile::tempdir().unwrap();
    let limited = |size_max, lease| Limits { size_max: Some(size_max), lease, ..Limits::default() };
    let limits = limited(u64::MAX, Duration::ZERO);
    let store =
        Store::open(directory.path(), Absent::Make, Options { limits, ..Options::default() }).unwrap();
    let names: Vec<_> = (0..3_u64).map(|seed| bytes(10_000, seed)).collect();
    let digests: Vec<_> = names.iter().map(|bytes| digest(bytes)).collect();
    for bytes in &names {
        put(&store, bytes);
    }
    let entry = |value, references| Entry { value, size: 0, references, fields: Vec::new(), written: 0 };
    store.put_entry(&key("hit"), entry(digests[0], vec![digests[1]]), Overwrite::Replace).unwrap();
    put(&store, b"cold");
    store.put_entry(&key("cold"), entry(digests[2], vec![digest(b"cold")]), Overwrite::Replace).unwrap();
    // Nobody heard of any of them within a lease from here on, but for what a hit names.
    assert!(store.entry(&key("hit")).unwrap().is_some());
    assert!(store.set_limits(limited(1, Duration::from_secs(3600))));
    assert_eq!(store.keep_room(&|| true).unwrap(), 0, "all were promised within the last hour");
    assert!(store.set_limits(limited(1, Duration::ZERO)));
    assert_eq!(store.keep_room(&|| true).unwrap(), 4);
    assert_eq!((store.entry(&key("cold")).unwrap(), store.entry(&key("hit")).unwrap()), (None, None));
    assert_eq!((store.entries(None, None, 10).unwrap(), count(&store)), (Vec::new(), 0));
}

#[test]
fn a_disk_that_is_full_takes_no_more_entries_and_loses_none() {
    for sync in [SyncPolicy::Full, SyncPolicy::None] {
        let (_slot, disk, store) = simulated(sync);
        let entry = entry(&store, &["value"]);
        let name = |number: u32| key(&format!("{number:0500}"));
        let put = |number| store.put_entry(&name(number), entry.clone(), Overwrite::Replace);
        put(0).unwrap();
        // The next time that it has to become longer.
        let mut acknowledged = 1;
        let failed = loop {
            disk.plan(Plan { refuse_reserve: Some(ErrorKind::StorageFull), ..Plan::default() });
            let outcome = put(acknowledged);
            match outcome {
                Ok(_) => acknowledged += 1,
                Err(EntryError::Change(error)) => break error,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(failed.cause(), Cause::NoSpace, "{failed}");
        assert!(!store.is_read_only());
        assert_eq!(store.entry(&name(acknowledged)).unwrap(), None, "it was refused");
        if sync == SyncPolicy::Full {
            assert_eq!(count(&store), u64::from(acknowledged));
            assert!((0..acknowledged).all(|number| store.entry(&name(number)).unwrap().is_some()));
        }
        // Blobs can be removed, and the entries with them.
        assert!(store.remove(&entry.value).unwrap());
        assert_eq!(count(&store), 0);
        disk.plan(Plan::default());
        crate::fixture::put(&store, b"value");
        assert_eq!(put(1).unwrap(), EntryOutcome::New);
        store.close().unwrap();
        let store = reopen(&disk, sync);
        store.read_entries().unwrap();
        assert_eq!((count(&store), store.entry(&name(1)).unwrap().is_some()), (1, true));
    }
}

#[test]
fn what_entries_take_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { size_max: Some(u64::MAX), ..Limits::default() };
    let options = Options { limits, sync: SyncPolicy::None, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, options).unwrap();
    let entry = entry(&store, &["value"]);
    store.keep_room(&|| true).unwrap();
    let before = store.allocated();
    for number in 0..10_000 {
        store.put_entry(&key(&format!("{number:0200}")), entry.clone(), Overwrite::Replace).unwrap();
    }
    store.settle().unwrap();
    store.keep_room(&|| true).unwrap();
    assert!(store.allocated() - before > 10_000 * 200, "{before} {}", store.allocated());
    store.close().unwrap();
}
