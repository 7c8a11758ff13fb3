//! Uploads that are gone on with.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use aqueduct_blob::{Algorithm, SEGMENT_LEN, UploadId};
use aqueduct_store::disk::Verb;
use aqueduct_store::{Absent, Landed, Options, Resumed, Store, SyncPolicy};
use aqueduct_testkit::{Plan, Slot};

use super::{ID, SIZE, Sender, bytes_path, files, open, send_some};
use crate::fixture::{self, read, reopen, simulated, store};

/// A store that was killed: it is not closed, and opened again by the next process of the same boot.
fn killed(store: Store) -> Store {
    let root = store.root();
    drop(store);
    Store::open(&root, Absent::Refuse, Options::default()).unwrap()
}

#[test]
fn after_a_kill_only_what_is_missing_is_received_and_hashed() {
    for algorithm in Algorithm::ALL {
        let (_directory, store) = store();
        let sender = Sender::new(algorithm, SIZE);
        let upload = sender.begin(&store);
        upload.claim(0, sender.entries()).unwrap();
        assert_eq!(sender.send(&upload, 0), Landed::Held);
        assert_eq!(sender.send(&upload, 2), Landed::Held);
        // This one is in flight.
        let mut receiving = upload.receive(1).unwrap();
        send_some(&mut receiving, &sender.segment(1)[..1 << 20]).unwrap();
        let before = upload.counts();
        drop((receiving, upload));
        let store = killed(store);

        let upload = sender.begin(&store);
        assert_eq!(upload.held_len(), SEGMENT_LEN + 5000);
        assert_eq!(upload.held_ranges(), [0..SEGMENT_LEN, 2 * SEGMENT_LEN..SIZE]);
        assert_eq!(upload.missing(10), [1]);
        sender.send_missing(&upload);
        upload.finish(Some(&sender.hashed.digest)).unwrap();
        assert_eq!(upload.counts().hashed, SEGMENT_LEN);
        assert_eq!(before.hashed + upload.counts().hashed, SIZE + (1 << 20));
        assert_eq!(before.received + upload.counts().received, SIZE + (1 << 20));
        assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
    }
}

#[test]
fn after_a_power_cut_what_a_mark_covers_is_held() {
    let mut slot = Slot::new().unwrap();
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    drop(store);
    let options = Options { upload_mark_len: 2 * SEGMENT_LEN, ..Options::default() };
    let store = Store::open_on(Arc::new(disk.clone()), Absent::Refuse, options).unwrap();
    let sender = Sender::new(Algorithm::Blake3, 3 * SEGMENT_LEN);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 2), Landed::Held);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    assert_eq!(sender.send(&upload, 1), Landed::Held);
    let after = slot.mount(&disk.image_of_durable()).unwrap();
    let store = reopen(&after, SyncPolicy::Full);
    let journal = || std::fs::read(store.root().join(format!("uploads/{ID}.journal"))).unwrap();
    let before = journal();
    let upload = sender.begin(&store);
    assert_eq!(upload.missing(10), [1]);
    assert!(journal() == before, "to look at it writes nothing");
    assert_eq!(sender.send(&upload, 1), Landed::Held);
    drop((upload, store));
    // Another process of the same boot.
    let upload = sender.begin(&reopen(&after, SyncPolicy::Full));
    assert!(upload.missing(10).is_empty());
}

#[test]
fn a_mark_is_due_however_often_the_upload_was_opened_meanwhile() {
    let mut slot = Slot::new().unwrap();
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    drop(store);
    let options = Options { upload_mark_len: 2 * SEGMENT_LEN, ..Options::default() };
    let open = || Store::open_on(Arc::new(disk.clone()), Absent::Refuse, options).unwrap();
    let sender = Sender::new(Algorithm::Blake3, 3 * SEGMENT_LEN);
    let store = open();
    assert_eq!(sender.send(&sender.begin(&store), 0), Landed::Held);
    // By a client that sends a segment with each request, and after a kill.
    disk.kill();
    drop(store);
    disk.revive();
    let store = open();
    assert_eq!(sender.send(&sender.begin(&store), 1), Landed::Held);

    let after = slot.mount(&disk.image_of_durable()).unwrap();
    let store = Store::open_on(Arc::new(after), Absent::Refuse, options).unwrap();
    assert_eq!(sender.begin(&store).held_len(), 2 * SEGMENT_LEN);
}

#[test]
fn a_blob_that_is_named_after_a_power_cut_is_not_lost_in_the_next() {
    let sender = Sender::new(Algorithm::Sha256, 2 * SEGMENT_LEN);
    let (_slot, first, store) = simulated(SyncPolicy::Full);
    drop(store);
    let options = Options { upload_mark_len: SEGMENT_LEN, ..Options::default() };
    let store = Store::open_on(Arc::new(first.clone()), Absent::Refuse, options).unwrap();
    sender.send_missing(&sender.begin(&store));
    let [mut slot, mut slot_after] = [(); 2].map(|()| Slot::new().unwrap());
    let mut finish = |stop_at| {
        let second = slot.mount(&first.image_of_durable()).unwrap();
        let store = reopen(&second, SyncPolicy::Full);
        let upload = sender.begin(&store);
        assert_eq!(upload.missing(10), []);
        second.plan(Plan { stop_at, ..Plan::default() });
        assert_eq!(upload.finish(None).is_ok(), stop_at.is_none());
        let third = slot_after.mount(&second.image_of_durable()).unwrap();
        (reopen(&third, SyncPolicy::Full), second.trace())
    };
    let (store, trace) = finish(None);
    assert!(matches!(store.upload(ID, &sender.plan()).unwrap(), Resumed::Stored(_)));
    drop(store);
    // Once more, and the power goes when the bytes are sealed and do not have their name.
    let link = trace.iter().position(|traced| traced.verb == Verb::Link).unwrap() as u64 + 1;
    let (store, trace) = finish(Some(link));
    assert!(trace.iter().any(|traced| traced.verb == Verb::Seal));
    let upload = sender.begin(&store);
    assert_eq!(upload.claim(0, &[[7; 32]]).unwrap(), [], "nothing of it is received any more");
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(upload.counts().hashed, 0);
}

#[test]
fn after_a_sync_of_everything_failed_what_no_mark_covers_is_not_held() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    drop((upload, store));
    // The kernel says once that something could not be written, and then that all is well.
    disk.plan(Plan { fail_at: Some((1, ErrorKind::Other)), ..Plan::default() });
    let disk_of_store = || Arc::new(disk.clone());
    assert!(Store::open_on(disk_of_store(), Absent::Refuse, Options::default()).is_err());
    let store = Store::open_on(disk_of_store(), Absent::Refuse, Options::default()).unwrap();
    assert_eq!(sender.begin(&store).held_len(), 0);
}

#[test]
fn every_open_of_an_id_shares_what_is_held() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let one = sender.begin(&store);
    let other = sender.begin(&store);
    assert_eq!(sender.send(&one, 0), Landed::Held);
    assert_eq!(sender.send(&other, 1), Landed::Held);
    assert_eq!(one.missing(10), [2]);
    let found = open(store.find_upload(ID).unwrap().unwrap());
    assert_eq!(found.missing(10), [2]);
    assert_eq!(found.plan(), sender.plan());
    assert!(store.find_upload(UploadId::new([0; 16])).unwrap().is_none());
}

#[test]
fn a_finished_upload_is_told_to_who_did_not_hear_of_it() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    let published = upload.finish(None).unwrap();
    assert_eq!(upload.finish(None).unwrap(), published);
    let stored = |store: &Store| match store.upload(ID, &sender.plan()).unwrap() {
        Resumed::Stored(published) => published.digest,
        Resumed::Open(upload) => panic!("{upload:?}"),
    };
    assert_eq!(stored(&store), sender.hashed.digest);
    drop(upload);
    assert_eq!(stored(&store), sender.hashed.digest);
    let store = killed(store);
    assert_eq!(stored(&store), sender.hashed.digest);
}

#[test]
fn to_look_at_an_upload_changes_nothing_however_little_is_held() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    for held_count in [0, 1] {
        let upload = sender.begin(&store);
        if held_count > 0 {
            assert_eq!(sender.send(&upload, 0), Landed::Held);
        }
        drop(upload);
        let files = || {
            ["", ".journal"].map(|suffix| {
                let path = store.root().join(format!("uploads/{ID}{suffix}"));
                let found = std::fs::metadata(path).unwrap();
                (found.ino(), found.ctime(), found.ctime_nsec())
            })
        };
        let before = files();
        let Some(Resumed::Open(upload)) = store.find_upload(ID).unwrap() else { panic!("it was begun") };
        assert_eq!(upload.offset(), held_count * SEGMENT_LEN);
        drop(upload);
        assert_eq!(files(), before);
    }
}

#[test]
fn a_finished_upload_whose_blob_was_removed_begins_anew() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let finished = sender.begin(&store);
    sender.send_missing(&finished);
    finished.finish(None).unwrap();
    let reader = store.blob(&sender.hashed.digest).unwrap().unwrap();
    for keep_open in [true, false] {
        assert!(store.remove(&sender.hashed.digest).unwrap());
        let kept = keep_open.then(|| finished.clone());
        let upload = sender.begin(&store);
        assert_eq!(upload.held_len(), 0);
        sender.send_missing(&upload);
        upload.finish(None).unwrap();
        drop(kept);
    }
    // Whoever had the first one open still reads it.
    let mut bytes = vec![0; sender.bytes.len()];
    std::os::unix::fs::FileExt::read_exact_at(reader.file(), &mut bytes, 0).unwrap();
    assert_eq!(bytes, sender.bytes);
}

#[test]
fn an_upload_that_died_while_it_was_being_named_is_finished_without_a_byte() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    drop(upload);
    // As if the process had died before the blob had its name: the name is back with the upload.
    let blob = fixture::path(&store.root(), "blobs", &sender.hashed.digest);
    std::fs::rename(&blob, bytes_path(&store)).unwrap();
    let store = killed(store);
    let upload = sender.begin(&store);
    assert_eq!(upload.held_len(), SIZE);
    // Nothing can be written any more: somebody may have read it under its name.
    assert_eq!(upload.claim(0, &[[7; 32]]).unwrap(), []);
    assert!(upload.receive(0).is_err());
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(upload.counts().hashed, 0);
    assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
    assert_eq!(files(&store), [format!("{ID}.journal")]);
}

#[test]
fn an_upload_that_died_after_it_was_named_is_stored() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    drop(upload);
    // As if the process had died before the upload's own name was taken away.
    let blob = fixture::path(&store.root(), "blobs", &sender.hashed.digest);
    std::fs::hard_link(&blob, bytes_path(&store)).unwrap();
    let store = killed(store);
    assert!(matches!(store.upload(ID, &sender.plan()).unwrap(), Resumed::Stored(_)));
    assert_eq!(files(&store), [format!("{ID}.journal")]);
}

#[test]
fn bytes_with_another_name_are_never_written() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    drop(upload);
    let elsewhere = store.root().join("quarantine/kept");
    std::fs::hard_link(bytes_path(&store), &elsewhere).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    let store = killed(store);
    let upload = sender.begin(&store);
    assert_eq!(upload.held_len(), 0);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before);
}

/// What is done to a store behind its back.
type Harm<'a> = &'a dyn Fn(&Store);

#[test]
fn an_upload_whose_files_do_not_fit_begins_anew() {
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let harms: [(&str, Harm<'_>); 6] = [
        ("no bytes", &|store| std::fs::remove_file(bytes_path(store)).unwrap()),
        ("no journal", &|store| std::fs::remove_file(bytes_path(store).with_extension("journal")).unwrap()),
        ("an empty journal", &|store| {
            std::fs::write(bytes_path(store).with_extension("journal"), b"").unwrap();
        }),
        ("another's journal", &|store| {
            let other = UploadId::new([3; 16]);
            let path = store.root().join("uploads").join(format!("{other}.journal"));
            let upload = open(store.upload(other, &sender.plan()).unwrap());
            assert_eq!(sender.send(&upload, 1), Landed::Held);
            std::fs::rename(path, bytes_path(store).with_extension("journal")).unwrap();
        }),
        ("bytes that were cut", &|store| {
            let file = std::fs::File::options().write(true).open(bytes_path(store)).unwrap();
            file.set_len(SIZE - 1).unwrap();
        }),
        ("a link", &|store| {
            std::fs::remove_file(bytes_path(store)).unwrap();
            std::os::unix::fs::symlink("/dev/null", bytes_path(store)).unwrap();
        }),
    ];
    for (name, harm) in harms {
        let (_directory, store) = store();
        let upload = sender.begin(&store);
        assert_eq!(sender.send(&upload, 0), Landed::Held);
        drop(upload);
        harm(&store);
        let store = killed(store);
        let upload = sender.begin(&store);
        assert_eq!(upload.held_len(), 0, "{name}");
        sender.send_missing(&upload);
        upload.finish(Some(&sender.hashed.digest)).unwrap();
    }
}

#[test]
fn an_upload_of_nothing_at_all_is_gone_on_with() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, 0);
    drop(sender.begin(&store));
    let store = killed(store);
    let upload = sender.begin(&store);
    assert_eq!(upload.missing(10), []);
    assert_eq!(upload.offset(), 0);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
}
