//! Uploads that are taken away, and those that are not.

use std::io::ErrorKind;
use std::time::Duration;

use aqueduct_blob::{Algorithm, UploadId};
use aqueduct_store::disk::Verb;
use aqueduct_store::{
    Absent, FinishError, Landed, Options, ReceiveError, Resumed, Store, SyncPolicy, TakenOver, UploadError,
};
use aqueduct_testkit::{Plan, SimDisk, Slot};

use super::{ID, SIZE, Sender, files, open, send_some};
use crate::fixture::{reopen, simulated, store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn an_upload_that_is_dropped_takes_nothing_more() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    let mut receiving = upload.receive(1).unwrap();
    let mut whole = upload.receive(1).unwrap();
    send_some(&mut whole, sender.segment(1)).unwrap();
    assert!(store.drop_upload(ID).unwrap());
    assert!(!store.drop_upload(ID).unwrap());
    assert_eq!(files(&store), [] as [String; 0]);
    let refused = receiving.fill(&mut |_, _, _| panic!("nobody may write here"));
    assert!(refused.unwrap_err().get_ref().unwrap().is::<TakenOver>());
    assert!(receiving.is_taken_over());
    assert_eq!(whole.finish().unwrap(), Landed::TakenOver);
    assert_eq!(upload.receive(1).unwrap_err(), ReceiveError::Gone);
    assert!(matches!(upload.finish(None).unwrap_err(), FinishError::Gone));
    assert!(store.find_upload(ID).unwrap().is_none());
    // Another one of the same id has nothing to do with it.
    let anew = sender.begin(&store);
    assert_eq!(anew.held_len(), 0);
    sender.send_missing(&anew);
    drop((upload, receiving));
    anew.finish(None).unwrap();
}

#[test]
fn a_blob_outlives_the_upload_that_it_was() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    assert!(store.drop_upload(ID).unwrap());
    assert!(store.has(&sender.hashed.digest).unwrap());
    assert_eq!(files(&store), [] as [String; 0]);
}

#[test]
fn what_was_idle_for_long_expires_and_nothing_else() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let begin = |id: u8| open(store.upload(UploadId::new([id; 16]), &sender.plan()).unwrap());
    let idle = begin(1);
    let received = begin(2);
    let finished = begin(3);
    sender.send_missing(&finished);
    finished.finish(None).unwrap();
    drop((idle, finished));
    disk.advance(100_000);
    let fresh = begin(4);
    drop(fresh);
    let receiving = received.receive(0).unwrap();
    drop(received);
    assert_eq!(store.expire_uploads(DAY).unwrap(), 2);
    let left = |store: &Store| -> Vec<u8> {
        store.uploads(None, 10).unwrap().iter().map(|listed| listed.id.as_bytes()[0]).collect()
    };
    assert_eq!(left(&store), [2, 4]);
    // It is not received any more: what waits for its sender does not keep it.
    let upload = receiving.upload().clone();
    upload.park(receiving, Box::new(()));
    drop(upload);
    assert_eq!(store.expire_uploads(DAY).unwrap(), 1);
    assert_eq!(left(&store), [4]);
    assert!(store.has(&sender.hashed.digest).unwrap());
}

#[test]
fn bytes_without_a_journal_expire_and_foreign_files_do_not() {
    let (_directory, store) = store();
    let uploads = store.root().join("uploads");
    let foreign =
        ["notes.txt", "0123", "ABABABABABABABABABABABABABABABAB", "abababababababababababababababab.part"];
    for name in foreign {
        std::fs::write(uploads.join(name), b"mine").unwrap();
    }
    std::fs::write(uploads.join(UploadId::new([1; 16]).to_string()), b"rubbish").unwrap();
    std::fs::write(uploads.join(format!("{}.journal", UploadId::new([2; 16]))), b"rubbish").unwrap();
    assert_eq!(store.uploads(None, 10).unwrap(), []);
    assert_eq!(store.expire_uploads(DAY).unwrap(), 0);
    assert_eq!(store.expire_uploads(Duration::ZERO).unwrap(), 2);
    assert_eq!(files(&store).len(), foreign.len());
}

#[test]
fn uploads_are_listed_in_the_order_of_their_ids_and_in_pages() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let begin = |id: u8| open(store.upload(UploadId::new([id; 16]), &sender.plan()).unwrap());
    let (three, one, two) = (begin(3), begin(1), begin(2));
    assert_eq!(sender.send(&one, 2), Landed::Held);
    assert_eq!(sender.send(&two, 0), Landed::Held);
    sender.send_missing(&three);
    three.finish(None).unwrap();
    let listed = |store: &Store, after, limit| {
        let listed = store.uploads(after, limit).unwrap();
        listed.iter().map(|one| (one.id.as_bytes()[0], one.verified_len, one.stored)).collect::<Vec<_>>()
    };
    let all = [(1, 5000, None), (2, 4 << 20, None), (3, SIZE, Some(sender.hashed.digest))];
    assert_eq!(listed(&store, None, 10), all);
    assert_eq!(listed(&store, None, 2), all[..2]);
    assert_eq!(listed(&store, Some(UploadId::new([1; 16])), 1), all[1..2]);
    // The same from what is on the disk.
    drop((one, two, three));
    assert_eq!(listed(&store, None, 10), all);
    let of_one = store.uploads(None, 1).unwrap()[0];
    assert_eq!(of_one.plan, sender.plan());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(i64::try_from(now).unwrap() - of_one.used < 600);
    store.remove(&sender.hashed.digest).unwrap();
    assert_eq!(listed(&store, Some(UploadId::new([2; 16])), 10), [(3, SIZE, None)]);
}

#[test]
fn there_are_only_so_many_uploads() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { upload_count_max: 3, ..Options::default() };
    let store = Store::open(directory.path(), Absent::Make, options).unwrap();
    for number in 1..=3_u128 {
        let id = UploadId::new(number.to_be_bytes());
        std::fs::File::create(store.root().join("uploads").join(id.to_string())).unwrap();
    }
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let refused = store.upload(ID, &sender.plan()).unwrap_err();
    assert!(matches!(refused, UploadError::TooMany { limit: 3 }), "{refused}");
    store.drop_upload(UploadId::new(1_u128.to_be_bytes())).unwrap();
    sender.begin(&store);
}

#[test]
fn of_finished_uploads_only_some_are_remembered_and_of_others_all() {
    let (_directory, store) = store();
    let uploads = store.root().join("uploads");
    let path =
        |number: u128, suffix: &str| uploads.join(format!("{}{suffix}", UploadId::new(number.to_be_bytes())));
    for number in 1..=1100 {
        std::fs::File::create(path(number, ".journal")).unwrap();
    }
    // The first of all: it is not finished.
    std::fs::File::create(path(1, "")).unwrap();
    Sender::new(Algorithm::Sha256, SIZE).begin(&store);
    let journals = std::fs::read_dir(&uploads).unwrap();
    let journals = journals.filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "journal")
    });
    // 1024 less 64 of those that are finished, and two that are not.
    assert_eq!(journals.count(), 962);
    assert!(path(1, ".journal").exists());
}

/// Sends an upload to a new store whose disk does as planned. Tells whether it became a blob.
fn send(sender: &Sender, plan: Plan) -> (Slot, SimDisk, Store, bool) {
    let (slot, disk, store) = simulated(SyncPolicy::Full);
    drop(sender.begin(&store));
    disk.plan(plan);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    let is_finished = upload.finish(None).is_ok();
    drop(upload);
    (slot, disk, store, is_finished)
}

#[test]
fn a_failed_sync_of_the_bytes_or_the_journal_takes_the_upload_with_it() {
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    // On a disk where nothing fails.
    let (_slot, disk, _store, is_finished) = send(&sender, Plan::default());
    assert!(is_finished);
    let syncs = (1..).zip(disk.trace()).filter(|(_, traced)| traced.verb == Verb::SyncData);
    let syncs: Vec<u64> = syncs.map(|(number, _)| number).collect();
    assert_eq!(syncs.len(), 2);
    for sync in syncs {
        let plan = Plan { fail_at: Some((sync, ErrorKind::Other)), ..Plan::default() };
        let (_slot, disk, store, is_finished) = send(&sender, plan);
        disk.plan(Plan::default());
        assert!(!is_finished);
        assert!(!store.has(&sender.hashed.digest).unwrap());
        assert_eq!(files(&store), [] as [String; 0], "verb {sync}");
        assert!(!store.is_read_only());
        // The next sync would answer that all is well.
        let upload = sender.begin(&store);
        assert_eq!(upload.held_len(), 0);
        sender.send_missing(&upload);
        upload.finish(None).unwrap();
    }
}

#[test]
fn a_failed_sync_that_cannot_be_undone_makes_the_store_read_only() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    disk.plan(Plan { stop_at: Some(1), ..Plan::default() });
    upload.finish(None).unwrap_err();
    assert!(store.is_read_only());
}

#[test]
fn a_record_that_cannot_be_written_is_not_held() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Sha256, 5000);
    let upload = sender.begin(&store);
    let mut receiving = upload.receive(0).unwrap();
    send_some(&mut receiving, sender.segment(0)).unwrap();
    disk.plan(Plan { fail_at: Some((1, ErrorKind::StorageFull)), ..Plan::default() });
    receiving.finish().unwrap_err();
    assert_eq!(upload.held_len(), 0);
    disk.plan(Plan::default());
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
}

#[test]
fn a_blob_that_cannot_be_named_needs_no_byte_again() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Sha256, 5000);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    // It is synced, recorded, synced, its directory is synced, it is sealed, and then linked.
    disk.plan(Plan { fail_at: Some((6, ErrorKind::StorageFull)), ..Plan::default() });
    assert!(matches!(upload.finish(None).unwrap_err(), FinishError::Publish(_)));
    assert_eq!(disk.trace().last().unwrap().verb, Verb::Link);
    drop(upload);
    let root = disk.clone();
    drop(store);
    root.plan(Plan::default());
    let store = reopen(&disk, SyncPolicy::Full);
    let upload = sender.begin(&store);
    assert_eq!(upload.held_len(), 5000);
    upload.finish(None).unwrap();
    assert_eq!(upload.counts().hashed, 0);
    assert!(matches!(store.upload(ID, &sender.plan()).unwrap(), Resumed::Stored(_)));
}

#[test]
fn a_full_disk_refuses_an_upload_before_its_first_byte() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    drop(sender.begin(&store));
    store.drop_upload(ID).unwrap();
    disk.plan(Plan::default());
    drop(sender.begin(&store));
    let reserve = disk.trace().iter().position(|traced| traced.verb == Verb::Reserve).unwrap();
    store.drop_upload(ID).unwrap();
    let at = u64::try_from(reserve).unwrap() + 1;
    disk.plan(Plan { fail_at: Some((at, ErrorKind::StorageFull)), ..Plan::default() });
    match store.upload(ID, &sender.plan()).unwrap_err() {
        UploadError::Change(aqueduct_store::ChangeError::Fault(fault)) => {
            assert_eq!((fault.verb(), fault.kind()), ("reserve", ErrorKind::StorageFull));
        }
        other => panic!("{other}"),
    }
    disk.plan(Plan::default());
    assert_eq!(store.uploads(None, 10).unwrap(), []);
}
