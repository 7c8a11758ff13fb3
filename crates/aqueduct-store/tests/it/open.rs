//! What a store may be opened on, and what it does with the rest.

use std::fs;

use aqueduct_store::{Absent, OpenError, Options, Store};

use crate::fixture::{bytes, digest, open, path, put, read, snapshot, store};

fn refuse(root: &std::path::Path) -> OpenError {
    Store::open(root, Absent::Refuse, Options::default()).unwrap_err()
}

#[test]
fn a_directory_with_other_files_is_not_a_store_and_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let before = snapshot(directory.path());
    for absent in [Absent::Refuse, Absent::Make] {
        let error = Store::open(directory.path(), absent, Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    }
    assert_eq!(snapshot(directory.path()), before);
}

#[test]
fn where_none_is_to_be_made_an_absent_or_empty_directory_is_missing_and_stays_so() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("a/b");
    assert!(matches!(refuse(&absent), OpenError::Missing { .. }));
    assert!(matches!(refuse(directory.path()), OpenError::Missing { .. }));
    assert_eq!(snapshot(directory.path()), []);
}

#[test]
fn a_store_is_made_with_the_directories_above_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a/b");
    put(&open(&root), b"x");
    assert_eq!(read(&open(&root), &digest(b"x")).unwrap(), b"x");
}

#[test]
fn what_is_at_a_path_is_told_without_opening_it_and_as_opening_would_find() {
    let (stored, store) = store();
    assert!(Store::is_at(stored.path()).unwrap(), "in use");
    drop(store);
    let directory = tempfile::tempdir().unwrap();
    let links = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["empty", "full", "damaged"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("full/notes.txt"), "mine").unwrap();
    fs::write(path("damaged/aqueduct-store"), "what").unwrap();
    std::os::unix::fs::symlink("nowhere", links.path().join("link")).unwrap();
    std::os::unix::fs::symlink(stored.path(), links.path().join("good")).unwrap();
    let before = snapshot(directory.path());
    assert!(Store::is_at(&links.path().join("good")).unwrap());
    for name in ["empty", "absent", "absent/below"] {
        assert!(!Store::is_at(&path(name)).unwrap(), "{name}");
    }
    let inside = ["full", "damaged", "full/notes.txt", "full/notes.txt/below"].map(path);
    for root in inside.into_iter().chain(["link", "link/below"].map(|name| links.path().join(name))) {
        let found = Store::is_at(&root).unwrap_err();
        let opened = Store::open(&root, Absent::Make, Options::default()).unwrap_err();
        assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&opened), "{}", root.display());
    }
    assert_eq!(snapshot(directory.path()), before);
}

#[test]
fn a_filesystem_of_its_own_is_an_empty_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("lost+found")).unwrap();
    open(directory.path());
}

#[test]
fn a_store_that_is_open_is_locked_for_everybody_else_until_it_is_dropped() {
    let (directory, store) = store();
    let before = snapshot(directory.path());
    assert!(matches!(refuse(directory.path()), OpenError::Locked { .. }));
    assert_eq!(snapshot(directory.path()), before);
    drop(store);
    open(directory.path());
}

#[test]
fn a_newer_format_is_refused_and_not_touched() {
    let (directory, store) = store();
    store.close().unwrap();
    damage_marker(directory.path(), "aqueduct store\nformat 2\nsomething new\n");
    let before = snapshot(directory.path());
    assert!(matches!(refuse(directory.path()), OpenError::NewerFormat { found: 2, .. }));
    assert_eq!(snapshot(directory.path()), before);
}

#[test]
fn a_damaged_marker_is_refused_and_not_touched() {
    let (directory, store) = store();
    store.close().unwrap();
    for text in [
        "",
        "aqueduct store\nformat one\n",
        "aqueduct store\nformat 0\n",
        "aqueduct store\nformat 1\nid 12\n",
        "\0\0\0",
        "\u{e9}",
    ] {
        damage_marker(directory.path(), text);
        let before = snapshot(directory.path());
        assert!(matches!(refuse(directory.path()), OpenError::DamagedMarker { .. }), "{text:?}");
        assert_eq!(snapshot(directory.path()), before);
    }
    damage_marker(directory.path(), &"x".repeat(5000));
    assert!(matches!(refuse(directory.path()), OpenError::DamagedMarker { .. }));
}

#[test]
fn bytes_that_are_no_text_are_a_damaged_marker() {
    let (directory, store) = store();
    store.close().unwrap();
    fs::remove_file(directory.path().join("aqueduct-store")).unwrap();
    fs::write(directory.path().join("aqueduct-store"), [0xff, 0xfe, 0x80]).unwrap();
    assert!(matches!(refuse(directory.path()), OpenError::DamagedMarker { .. }));
}

#[test]
fn a_damaged_meta_is_refused_and_never_replaced() {
    let (directory, store) = store();
    store.close().unwrap();
    let meta = directory.path().join("meta.redb");
    for damage in [&b""[..], b"not a database at all", &[0xff; 70_000]] {
        fs::write(&meta, damage).unwrap();
        let error = refuse(directory.path());
        assert!(matches!(error, OpenError::DamagedMeta { .. }), "{error:?}");
        assert!(fs::read(&meta).unwrap() == damage, "it was not touched");
    }
}

#[test]
fn where_meta_is_lost_every_blob_is_hashed_before_it_is_served() {
    let (directory, store) = store();
    let (good, bad) = (bytes(1000, 1), bytes(1000, 2));
    put(&store, &good);
    put(&store, &bad);
    store.close().unwrap();
    fs::remove_file(directory.path().join("meta.redb")).unwrap();
    let path = path(directory.path(), "blobs", &digest(&bad));
    fs::remove_file(&path).unwrap();
    fs::write(&path, &good).unwrap();
    let store = open(directory.path());
    assert_eq!(read(&store, &digest(&good)).unwrap(), good);
    assert_eq!(read(&store, &digest(&bad)), None);
}

#[test]
fn a_lost_or_damaged_index_is_made_anew_from_the_tree() {
    let (directory, store) = store();
    for seed in 0..20 {
        put(&store, &bytes(100, seed));
    }
    store.close().unwrap();
    let index = directory.path().join("index.redb");
    fs::remove_file(&index).unwrap();
    let store = open(directory.path());
    assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (20, 2000));
    store.close().unwrap();
    fs::write(&index, "damage").unwrap();
    let store = open(directory.path());
    put(&store, b"one more");
    assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (21, 2008));
}

#[test]
fn what_a_kill_left_unnoted_is_in_the_usage_after_the_next_start() {
    let (directory, store) = store();
    put(&store, b"noted");
    store.close().unwrap();
    let store = open(directory.path());
    put(&store, b"published, and never noted");
    // Dropped without a close, as a kill would.
    drop(store);
    assert_eq!(open(directory.path()).usage().unwrap().count, 2);
}

fn damage_marker(root: &std::path::Path, text: &str) {
    let marker = root.join("aqueduct-store");
    fs::remove_file(&marker).unwrap();
    fs::write(marker, text).unwrap();
}
