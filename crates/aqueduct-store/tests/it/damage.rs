//! Rot, damaged checkpoint lists, and suspects after a power cut.

#![expect(clippy::single_range_in_vec_init, reason = "damage is a list of ranges, and here it has one")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aqueduct_store::{ScrubFound, Store, SyncPolicy};
use aqueduct_testkit::{SimDisk, Slot};

use crate::fixture::{ALL, TWO, bytes, digest, path, put, read, reopen, simulated, store};

const MIB: u64 = 1 << 20;

/// Changes a file behind the store's back.
fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn large(store: &Store) -> Vec<u8> {
    let content = bytes(9 << 20, 1);
    put(store, &content);
    content
}

#[test]
fn one_flipped_bit_is_named_by_its_segment_and_the_blob_is_put_away() {
    let (directory, store) = store();
    let digest = digest(&large(&store));
    rewrite(&path(directory.path(), "blobs", &digest), |bytes| bytes[5 << 20] ^= 1);
    let checked = store.verify(&digest, TWO, &|_| {}).unwrap().unwrap();
    assert_eq!(checked.damage, [4 * MIB..8 * MIB]);
    assert_eq!(read(&store, &digest), None, "what is known to be damaged is never served");
    assert_eq!(store.verify(&digest, TWO, &|_| {}).unwrap(), None);
    let kept = directory.path().join(format!("quarantine/sha256-{}", digest.hex()));
    assert_eq!(fs::metadata(kept).unwrap().len(), 9 * MIB);
}

#[test]
fn a_damaged_blob_can_be_put_again_and_damaged_again() {
    let (directory, store) = store();
    for _ in 0..2 {
        let digest = digest(&large(&store));
        rewrite(&path(directory.path(), "blobs", &digest), |bytes| bytes[0] ^= 1);
        assert_eq!(store.verify(&digest, TWO, &|_| {}).unwrap().unwrap().damage, [0..4 * MIB]);
    }
}

#[test]
fn whoever_watches_hears_of_every_name_that_is_taken_away() {
    let (directory, store) = store();
    let gone = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&gone);
    store.watch(move |digest| told.lock().unwrap().push(*digest));
    let heard = || std::mem::take(&mut *gone.lock().unwrap());
    let digest = digest(&large(&store));
    assert!(heard().is_empty());
    store.remove(&digest).unwrap();
    assert_eq!(heard(), [digest]);
    large(&store);
    rewrite(&path(directory.path(), "blobs", &digest), |bytes| bytes[0] ^= 1);
    store.verify(&digest, TWO, &|_| {}).unwrap().unwrap();
    assert_eq!(heard(), [digest]);
    large(&store);
    // One of another size gives way to what is published.
    rewrite(&path(directory.path(), "blobs", &digest), Vec::clear);
    large(&store);
    assert_eq!(heard(), [digest]);
}

/// What is kept open is given out without a look at it as long as there are no suspects: also after a doubt has ended with a name.
#[test]
fn whoever_watches_doubts_hears_of_each_while_there_is_one() {
    let (directory, store) = store();
    let told = Arc::new(Mutex::new(Vec::new()));
    let (telling, asked) = (Arc::clone(&told), store.clone());
    store.watch_doubts(move |digest| telling.lock().unwrap().push((*digest, asked.has_suspects())));
    let heard = || std::mem::take(&mut *told.lock().unwrap());
    let digest = digest(&large(&store));
    let blob = store.blob(&digest).unwrap().unwrap();
    store.doubt(&blob).unwrap();
    assert_eq!(heard(), [(digest, true)]);
    // Whoever doubts it next may be the first to hash it.
    store.doubt(&blob).unwrap();
    assert_eq!(heard(), [(digest, true)]);
    assert!(store.blob(&digest).unwrap().is_some());
    assert!(!store.has_suspects());
    assert_eq!(heard(), []);
    rewrite(&path(directory.path(), "blobs", &digest), |bytes| bytes[0] ^= 1);
    assert!(store.blob(&digest).unwrap().is_none());
    assert_eq!(heard(), [(digest, true)]);
}

#[test]
fn a_truncated_blob_is_damaged_from_its_start_to_its_end() {
    let (directory, store) = store();
    let digest = digest(&large(&store));
    rewrite(&path(directory.path(), "blobs", &digest), |bytes| bytes.truncate(6 << 20));
    let checked = store.verify(&digest, TWO, &|_| {}).unwrap().unwrap();
    assert_eq!(checked.damage, [0..6 * MIB]);
}

#[test]
fn a_damaged_list_condemns_no_blob_and_is_written_anew() {
    let (directory, store) = store();
    let digest = digest(&large(&store));
    let list = path(directory.path(), "checkpoints", &digest);
    let right = fs::read(&list).unwrap();
    for damage in [0, right.len() / 2, right.len() - 1] {
        rewrite(&list, |bytes| bytes[damage] ^= 1);
        let checked = store.verify(&digest, TWO, &|_| {}).unwrap().unwrap();
        assert!(checked.damage.is_empty() && checked.checkpoints_rebuilt, "byte {damage}");
        assert_eq!(fs::read(&list).unwrap(), right);
    }
    rewrite(&list, |bytes| *bytes = vec![0; 5 << 20]);
    assert!(store.verify(&digest, TWO, &|_| {}).unwrap().unwrap().checkpoints_rebuilt);
    assert_eq!(fs::read(&list).unwrap(), right);
}

#[test]
fn the_list_of_another_blob_condemns_none_either() {
    let (directory, store) = store();
    let digest_here = digest(&large(&store));
    let other = bytes(9 << 20, 2);
    put(&store, &other);
    let list = path(directory.path(), "checkpoints", &digest_here);
    fs::remove_file(&list).unwrap();
    fs::copy(path(directory.path(), "checkpoints", &digest(&other)), &list).unwrap();
    let checked = store.verify(&digest_here, TWO, &|_| {}).unwrap().unwrap();
    assert!(checked.damage.is_empty() && checked.checkpoints_rebuilt);
}

#[test]
fn a_missing_list_is_computed_when_it_is_asked_for() {
    let (directory, store) = store();
    let digest = digest(&large(&store));
    let list = path(directory.path(), "checkpoints", &digest);
    let kept = store.checkpoints(&digest).unwrap().unwrap();
    assert_eq!(kept.entries().len(), 2);
    fs::remove_file(&list).unwrap();
    assert_eq!(store.checkpoints(&digest).unwrap().unwrap(), kept);
    assert!(list.exists());
}

#[test]
fn a_blob_of_one_segment_has_no_list() {
    let (directory, store) = store();
    put(&store, b"small");
    assert!(store.checkpoints(&digest(b"small")).unwrap().unwrap().entries().is_empty());
    assert!(!path(directory.path(), "checkpoints", &digest(b"small")).exists());
}

#[test]
fn removing_a_blob_removes_its_list() {
    let (directory, store) = store();
    let digest = digest(&large(&store));
    let list = path(directory.path(), "checkpoints", &digest);
    assert!(list.exists());
    store.remove(&digest).unwrap();
    assert!(!list.exists());
}

#[test]
fn whoever_waits_for_a_hash_hears_of_every_byte() {
    let (_directory, store) = store();
    let digest = digest(&large(&store));
    let heard = AtomicU64::new(0);
    let told = |len| {
        heard.fetch_add(len, Ordering::Relaxed);
    };
    store.verify(&digest, TWO, &told).unwrap();
    assert_eq!(heard.load(Ordering::Relaxed), 9 * MIB);
}

/// The fault that the durable mark is for: a name and a size that survive a power cut, and bytes that do not. With the bytes
/// that there should be.
fn loose_and_wrong() -> (Slot, SimDisk, Store, Vec<u8>) {
    let (mut slot, disk, store) = simulated(SyncPolicy::None);
    let content = bytes(3000, 1);
    put(&store, &content);
    disk.kill();
    drop(store);
    let name = format!("blobs/sha256/{}/{}", &digest(&content).hex()[..2], &digest(&content).hex()[2..]);
    let wrong =
        (0..).flat_map(|seed| disk.images(seed)).find(|image| image.differs(&name, &content)).unwrap();
    let after = slot.mount(&wrong).unwrap();
    let store = reopen(&after, SyncPolicy::None);
    (slot, after, store, content)
}

#[test]
fn after_a_power_cut_a_loose_blob_is_hashed_before_it_is_served_or_listed() {
    let (_slot, _disk, store, content) = loose_and_wrong();
    assert_eq!(store.list(None, 10).unwrap(), []);
    assert_eq!(read(&store, &digest(&content)), None);
    put(&store, &content);
    assert_eq!(read(&store, &digest(&content)).unwrap(), content);
}

/// What looks at a blob of this content, which is not in the store any more when it comes back.
type Looks = fn(&Store, &[u8]);

#[test]
fn whoever_looked_at_a_blob_before_it_was_put_away_or_removed_neither_has_nor_lists_it() {
    let looks: [(&str, Looks); 3] = [
        ("read", |store, content| assert_eq!(read(store, &digest(content)), None)),
        ("listed", |store, _| assert_eq!(store.list(None, 10).unwrap(), [])),
        ("put", |store, content| {
            put(store, content);
            assert_eq!(read(store, &digest(content)).unwrap(), content);
        }),
    ];
    for ((what, look), is_removed) in looks.into_iter().flat_map(|look| [(look, false), (look, true)]) {
        let (_slot, after, store, content) = loose_and_wrong();
        // All suspects are hashed, this one is put away or was removed before, and nobody is a suspect any more: while somebody
        // has its file open.
        let (checker, named) = (store.clone(), digest(&content));
        after.meanwhile(move || {
            assert_eq!(is_removed, is_removed && checker.remove(&named).is_ok());
            assert!(checker.check_suspects(&ALL, &mut |_| ()).unwrap());
        });
        look(&store, &content);
        assert_eq!(store.damaged_count(), u64::from(!is_removed), "{what}");
    }
}

#[test]
fn the_mark_spares_what_was_settled_from_being_hashed_again() {
    let (mut slot, disk, store) = simulated(SyncPolicy::None);
    put(&store, b"settled");
    disk.advance(2);
    store.settle().unwrap();
    put(&store, b"loose");
    disk.kill();
    drop(store);
    let image = disk.images(1).find(|image| image.story().chars().all(|kept| kept == '+')).unwrap();
    let store = reopen(&slot.mount(&image).unwrap(), SyncPolicy::None);
    let mut checked = Vec::new();
    let mut all = |told: &ScrubFound| match told {
        ScrubFound::Checked(told) => checked.push(told.digest),
        ScrubFound::Failed { fault, .. } => panic!("{fault}"),
    };
    assert!(store.check_suspects(&ALL, &mut all).unwrap());
    assert_eq!(checked, [digest(b"loose")]);
    store.check_suspects(&ALL, &mut |_| panic!("nobody is suspect any more")).unwrap();
}

#[test]
fn once_the_suspects_are_checked_the_next_session_hashes_nothing() {
    let (mut slot, disk, store) = simulated(SyncPolicy::None);
    put(&store, b"loose");
    disk.kill();
    drop(store);
    let image = disk.images(1).find(|image| image.story().chars().all(|kept| kept == '+')).unwrap();
    let after = slot.mount(&image).unwrap();
    let store = reopen(&after, SyncPolicy::Full);
    let none = |_| ControlFlow::Break(());
    assert!(!store.check_suspects(&none, &mut |_| panic!("nothing was hashed")).unwrap());
    assert!(store.has_suspects());
    assert!(store.check_suspects(&ALL, &mut |_| {}).unwrap());
    store.close().unwrap();
    reopen(&after, SyncPolicy::Full)
        .check_suspects(&ALL, &mut |_| panic!("nobody is suspect any more"))
        .unwrap();
}
