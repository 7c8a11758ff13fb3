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
