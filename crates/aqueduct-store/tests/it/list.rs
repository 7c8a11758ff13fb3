//! Lists, in order and page by page.

use std::fs;

use aqueduct_blob::Digest;

use crate::fixture::{bytes, path, put, store};

#[test]
fn pages_put_together_are_the_whole_list_in_order() {
    let (_directory, store) = store();
    for seed in 0..600 {
        put(&store, &bytes(10, seed));
    }
    let whole: Vec<Digest> =
        store.list(None, usize::MAX).unwrap().iter().map(|listed| listed.digest).collect();
    assert_eq!(whole.len(), 600);
    assert!(whole.is_sorted());
    for limit in [1, 7, 599, 600, 601] {
        let mut paged: Vec<Digest> = Vec::new();
        loop {
            let page = store.list(paged.last(), limit).unwrap();
            paged.extend(page.iter().map(|listed| listed.digest));
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(paged, whole, "{limit} a page");
    }
}

#[test]
fn a_page_goes_on_after_a_blob_that_is_gone() {
    let (_directory, store) = store();
    for seed in 0..20 {
        put(&store, &bytes(10, seed));
    }
    let whole = store.list(None, usize::MAX).unwrap();
    store.remove(&whole[9].digest).unwrap();
    let rest = store.list(Some(&whole[9].digest), usize::MAX).unwrap();
    assert_eq!(rest, whole[10..]);
}

#[test]
fn what_is_not_a_blob_is_not_listed_and_not_touched() {
    let (directory, store) = store();
    put(&store, b"x");
    let shard = directory.path().join("blobs/sha256/00");
    fs::write(shard.join("README"), "not ours").unwrap();
    fs::create_dir(shard.join("11".repeat(31))).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", shard.join("22".repeat(31))).unwrap();
    assert_eq!(store.list(None, 10).unwrap().len(), 1);
    let at = |hex: &str| format!("sha256:00{}", hex.repeat(31)).parse::<Digest>().unwrap();
    assert!(!store.has(&at("11")).unwrap());
    assert!(!store.has(&at("22")).unwrap(), "a symbolic link is never followed");
    assert!(path(directory.path(), "blobs", &at("11")).is_dir());
}

#[test]
fn usage_counts_blobs_and_bytes() {
    let (_directory, store) = store();
    put(&store, b"12345");
    put(&store, b"12345");
    put(&store, b"");
    assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (2, 5));
    store.remove(&crate::fixture::digest(b"12345")).unwrap();
    assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (1, 0));
}

#[test]
fn usage_is_right_after_any_race_of_publishers_and_removers() {
    let (_directory, store) = store();
    for round in 0..50 {
        let content = bytes(10, round);
        std::thread::scope(|scope| {
            scope.spawn(|| put(&store, &content));
            scope.spawn(|| store.remove(&crate::fixture::digest(&content)).unwrap());
            scope.spawn(|| crate::fixture::read(&store, &crate::fixture::digest(&content)));
        });
    }
    let listed = store.list(None, usize::MAX).unwrap().len() as u64;
    assert_eq!((store.usage().unwrap().count, store.usage().unwrap().size), (listed, listed * 10));
}

#[test]
fn an_index_that_was_lost_is_not_believed_until_it_was_matched() {
    let (directory, store) = store();
    for seed in 0..20 {
        put(&store, &bytes(10, seed));
    }
    store.close().unwrap();
    fs::remove_file(directory.path().join("index.redb")).unwrap();
    let store = crate::fixture::open(directory.path());
    put(&store, b"one more, noted in a new index");
    store.close().unwrap();
    assert_eq!(crate::fixture::open(directory.path()).usage().unwrap().count, 21);
}

#[test]
fn a_power_cut_after_a_clean_stop_takes_nothing_from_the_index() {
    let (mut slot, disk, store) = crate::fixture::simulated(aqueduct_store::SyncPolicy::Full);
    put(&store, b"x");
    assert_eq!(store.usage().unwrap().count, 1);
    let inner = store.clone();
    store.close().unwrap();
    disk.kill();
    drop(inner);
    let after = slot.mount(&disk.image_of_durable()).unwrap();
    let store = crate::fixture::reopen(&after, aqueduct_store::SyncPolicy::Full);
    assert_eq!(store.usage().unwrap().count, 1);
}
