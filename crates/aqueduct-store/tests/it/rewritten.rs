//! Files that were written to behind the store's back.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use aqueduct_store::disk::Verb;
use aqueduct_store::{Outcome, ScrubFound, SyncPolicy};
use aqueduct_sys::Errno;
use aqueduct_testkit::Plan;

use crate::fixture::{ALL, TWO, bytes, digest, open, path, put, read, simulated, store};

/// Opens a published file for writing, as only somebody can who does not care for its mode.
fn opened(path: &Path) -> File {
    let mode = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    fs::set_permissions(path, mode).unwrap();
    file
}

#[test]
fn a_large_blob_that_was_written_to_in_place_is_hashed_before_it_is_served() {
    let (directory, store) = store();
    let content = bytes(200_000, 1);
    put(&store, &content);
    let path = path(directory.path(), "blobs", &digest(&content));
    assert!(store.blob(&digest(&content)).unwrap().is_some());
    opened(&path).write_all_at(&[!content[100_000]], 100_000).unwrap();
    assert!(!store.has(&digest(&content)).unwrap(), "the same size, and other bytes");
    assert_eq!(store.quarantined().unwrap().len(), 1);
    assert_eq!(put(&store, &content), Outcome::New);
    assert!(read(&store, &digest(&content)).unwrap() == content);
}

#[test]
fn a_large_blob_that_was_made_shorter_is_not_served_by_the_next_session_either() {
    let (directory, store) = store();
    let content = bytes(200_000, 2);
    put(&store, &content);
    store.close().unwrap();
    opened(&path(directory.path(), "blobs", &digest(&content))).set_len(150_000).unwrap();
    let store = open(directory.path());
    assert!(store.blob(&digest(&content)).unwrap().is_none());
    assert!(!store.has_suspects(), "what was put away is in doubt no more");
}

#[test]
fn a_blob_that_was_damaged_gives_way_to_an_upload_of_the_same_size() {
    let (directory, store) = store();
    let content = bytes(200_000, 3);
    put(&store, &content);
    opened(&path(directory.path(), "blobs", &digest(&content))).write_all_at(&[!content[0]], 0).unwrap();
    assert_eq!(put(&store, &content), Outcome::New);
    assert_eq!(put(&store, &content), Outcome::AlreadyPresent);
}

#[test]
fn what_was_written_to_and_is_right_is_hashed_once() {
    let (directory, store) = store();
    let content = bytes(200_000, 4);
    put(&store, &content);
    let path = path(directory.path(), "blobs", &digest(&content));
    opened(&path).write_all_at(&content[..10], 0).unwrap();
    assert!(store.has(&digest(&content)).unwrap());
    assert!(!store.has_suspects());
    // Had it been hashed again, this would be found.
    let times = fs::metadata(&path).unwrap();
    assert!(store.blob(&digest(&content)).unwrap().is_some());
    assert_eq!(fs::metadata(&path).unwrap().ctime_nsec(), times.ctime_nsec());
    opened(&path).write_all_at(&[!content[0]], 0).unwrap();
    assert!(!store.has(&digest(&content)).unwrap(), "it was written to once more");
}

#[test]
fn a_published_file_is_older_than_its_name_and_other_changes_than_writes_do_not_matter() {
    let (directory, store) = store();
    let content = bytes(200_000, 5);
    put(&store, &content);
    let path = path(directory.path(), "blobs", &digest(&content));
    let dated = || {
        let stat = fs::metadata(&path).unwrap();
        assert!(stat.mtime() < stat.ctime() && stat.mtime_nsec() == 0);
    };
    dated();
    fs::hard_link(&path, directory.path().join("of a backup")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    dated();
    assert!(store.blob(&digest(&content)).unwrap().is_some());
}

#[test]
fn a_write_is_noticed_whatever_is_changed_after_it() {
    let (directory, store) = store();
    let content = bytes(200_000, 8);
    let path = path(directory.path(), "blobs", &digest(&content));
    let link = directory.path().join("of a backup");
    let changes: [&dyn Fn() -> std::io::Result<()>; 2] =
        [&|| fs::set_permissions(&path, Permissions::from_mode(0o440)), &|| fs::hard_link(&path, &link)];
    for change in changes {
        assert_eq!(put(&store, &content), Outcome::New);
        opened(&path).write_all_at(&[!content[100_000]], 100_000).unwrap();
        change().unwrap();
        assert!(!store.has(&digest(&content)).unwrap());
    }
}

#[test]
fn a_blob_that_is_known_to_be_damaged_and_cannot_be_put_away_is_not_served() {
    for verb in [Verb::Link, Verb::Unlink] {
        let (_slot, disk, store) = simulated(SyncPolicy::Full);
        let content = bytes(200_000, 6);
        put(&store, &content);
        let name = digest(&content);
        opened(&path(&disk.directory(), "blobs", &name)).write_all_at(&[!content[0]], 0).unwrap();
        let refuse_at = if verb == Verb::Link { 1 } else { 2 };
        disk.plan(Plan { refuse_at: Some((refuse_at, Errno::NOSPC)), ..Plan::default() });
        assert!(store.verify(&name, TWO, &|_| {}).is_err());
        assert_eq!(disk.trace().last().unwrap().verb, verb);
        assert!(store.has_suspects());
        disk.plan(Plan::default());
        assert!(store.blob(&name).unwrap().is_none());
        assert!(!store.has_suspects());
        assert_eq!(put(&store, &content), Outcome::New);
    }
}

#[test]
fn a_blob_that_its_reader_doubts_is_hashed_before_it_is_believed_again() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let content = bytes(200_000, 7);
    put(&store, &content);
    let name = digest(&content);
    let blob = store.blob(&name).unwrap().unwrap();
    store.doubt(&blob).unwrap();
    assert!(store.has_suspects() && store.is_suspect(&name).unwrap());
    assert!(store.blob(&name).unwrap().is_some());
    assert!(!store.has_suspects(), "it was right");
    opened(&path(&disk.directory(), "blobs", &name)).set_len(1).unwrap();
    store.doubt(&blob).unwrap();
    assert!(store.blob(&name).unwrap().is_none());
}

#[test]
fn a_suspect_that_cannot_be_synced_is_neither_served_nor_put_away_unhashed() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let content = bytes(200_000, 8);
    put(&store, &content);
    let name = digest(&content);
    store.doubt(&store.blob(&name).unwrap().unwrap()).unwrap();
    disk.plan(Plan { refuse_at: Some((1, Errno::IO)), ..Plan::default() });
    assert!(store.blob(&name).is_err());
    disk.plan(Plan::default());
    assert!(read(&store, &name).unwrap() == content);
}

#[test]
fn a_doubt_about_a_file_that_has_lost_its_name_is_none() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let content = bytes(200_000, 9);
    put(&store, &content);
    let name = digest(&content);
    let (one, other) = (store.blob(&name).unwrap().unwrap(), store.blob(&name).unwrap().unwrap());
    opened(&path(&disk.directory(), "blobs", &name)).set_len(1).unwrap();
    store.doubt(&one).unwrap();
    assert!(store.blob(&name).unwrap().is_none());
    store.doubt(&other).unwrap();
    assert!(!store.has_suspects(), "it is in quarantine already");
    put(&store, &content);
    store.doubt(&other).unwrap();
    assert!(!store.has_suspects(), "another file has its name");
}

#[test]
fn a_blob_in_doubt_that_is_taken_away_is_doubted_no_more() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let content = bytes(200_000, 10);
    let name = digest(&content);
    let doubt = || {
        put(&store, &content);
        store.doubt(&store.blob(&name).unwrap().unwrap()).unwrap();
        assert!(store.has_suspects());
    };
    doubt();
    store.remove(&name).unwrap();
    assert!(!store.has_suspects(), "removed");
    // Now by somebody who does not tell.
    doubt();
    fs::remove_file(path(&disk.directory(), "blobs", &name)).unwrap();
    assert!(store.blob(&name).unwrap().is_none());
    assert!(!store.has_suspects(), "asked for");
    doubt();
    fs::remove_file(path(&disk.directory(), "blobs", &name)).unwrap();
    assert!(store.check_suspects(&ALL, &mut |_| {}).unwrap());
    assert!(!store.has_suspects(), "all were looked for");
}

#[test]
fn a_suspect_that_cannot_be_checked_keeps_no_other_from_being_checked() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    for seed in [11, 12, 13] {
        let content = bytes(200_000, seed);
        put(&store, &content);
        store.doubt(&store.blob(&digest(&content)).unwrap().unwrap()).unwrap();
    }
    let (mut checked, mut failed) = (0, 0);
    let mut check = || {
        store.check_suspects(&ALL, &mut |found| match found {
            ScrubFound::Checked(_) => checked += 1,
            ScrubFound::Failed { .. } => failed += 1,
        })
    };
    disk.plan(Plan { refuse_at: Some((1, Errno::IO)), ..Plan::default() });
    assert!(!check().unwrap(), "one is left");
    disk.plan(Plan::default());
    assert!(store.has_suspects());
    assert!(check().unwrap() && !store.has_suspects());
    assert_eq!((checked, failed), (3, 1), "two the first time, and the third one after that");
}

#[test]
fn a_suspect_that_cannot_be_read_is_left_out_of_a_list_and_keeps_no_other_out_of_it() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let mut names: Vec<_> = (21..24)
        .map(|seed| {
            let content = bytes(200_000, seed);
            put(&store, &content);
            digest(&content)
        })
        .collect();
    names.sort();
    store.doubt(&store.blob(&names[0]).unwrap().unwrap()).unwrap();
    let listed = || store.list(None, 10).unwrap().into_iter().map(|blob| blob.digest).collect::<Vec<_>>();
    disk.plan(Plan { refuse_at: Some((1, Errno::IO)), ..Plan::default() });
    assert_eq!(listed(), names[1..]);
    disk.plan(Plan::default());
    assert_eq!(listed(), names);
}
