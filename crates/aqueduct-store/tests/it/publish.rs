//! How blobs get in, and what stands in the way.

use std::io::{ErrorKind, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::Barrier;
use std::thread;

use aqueduct_blob::Algorithm;
use aqueduct_flow::{Intake, ReceiveRoute, Step};
use aqueduct_store::disk::Verb;
use aqueduct_store::{ChangeError, Outcome, PublishError, PutError, Store, SyncPolicy, VerifyError};
use aqueduct_testkit::{Plan, SimDisk};

use crate::fixture::{bytes, digest, path, put, read, reopen, simulated, snapshot, stage, store, whole};

#[test]
fn a_blob_is_visible_once_it_is_published_and_not_before() {
    let (_directory, store) = store();
    let verified = stage(&store, b"hello");
    assert!(!store.has(&digest(b"hello")).unwrap());
    assert_eq!(store.list(None, 10).unwrap(), []);
    assert_eq!(verified.publish().unwrap().outcome, Outcome::New);
    assert_eq!(read(&store, &digest(b"hello")).unwrap(), b"hello");
}

/// A defect of the notes this project grew from: the upload lay under its final name from its first byte on.
#[test]
fn an_upload_that_is_given_up_leaves_nothing_and_blocks_nobody() {
    let (directory, store) = store();
    put(&store, b"make every directory and database");
    let before = names(directory.path());
    let mut staging = store.begin(Algorithm::Sha256, Some(1 << 20)).unwrap();
    let half = bytes(1 << 19, 1);
    let step = staging.fill(&mut |file, offset, _| {
        file.write_all_at(&half, offset)?;
        Ok(Step::Moved(half.len()))
    });
    assert_eq!(step.unwrap(), Step::Moved(half.len()));
    drop(staging);
    assert_eq!(names(directory.path()), before);
}

/// A defect of the notes: the bytes were never held against the name the client gave.
#[test]
fn bytes_that_are_not_what_was_expected_are_refused_with_both_digests() {
    let (directory, store) = store();
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(b"lie", offset)?;
        observe(b"lie");
        Ok(Step::Moved(3))
    });
    assert_eq!(step.unwrap(), Step::Moved(3));
    let error = staging.verify(Some(&digest(b"truth"))).unwrap_err();
    let VerifyError::DigestMismatch { expected, actual } = error else { panic!("{error}") };
    assert_eq!((expected, actual), (digest(b"truth"), digest(b"lie")));
    assert!(!path(directory.path(), "blobs", &digest(b"lie")).exists());
}

#[test]
fn more_or_fewer_bytes_than_announced_are_refused() {
    let (_directory, store) = store();
    for announced in [2, 4] {
        let mut staging = store.begin(Algorithm::Sha256, Some(announced)).unwrap();
        let step = staging.fill(&mut |file, offset, _| {
            file.write_all_at(b"abc", offset)?;
            Ok(Step::Moved(3))
        });
        assert_eq!(step.unwrap(), Step::Moved(3));
        let error = staging.verify(None).unwrap_err();
        assert!(matches!(error, VerifyError::SizeMismatch { actual: 3, .. }), "{error}");
    }
}

#[test]
fn what_counts_is_what_was_written_and_not_what_was_shown() {
    let (_directory, store) = store();
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    for (piece, shown) in [(b"first", true), (b"other", false)] {
        let step = staging.fill(&mut |file, offset, observe| {
            file.write_all_at(piece, offset)?;
            if shown {
                observe(piece);
            }
            Ok(Step::Moved(piece.len()))
        });
        assert_eq!(step.unwrap(), Step::Moved(5));
    }
    assert_eq!(staging.verify(None).unwrap().digest(), digest(b"firstother"));
}

#[test]
fn a_published_blob_is_read_only_to_everybody() {
    let (directory, store) = store();
    put(&store, b"x");
    let mode = path(directory.path(), "blobs", &digest(b"x")).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o222, 0, "{mode:o}");
}

#[test]
fn publishing_twice_is_already_present() {
    let (_directory, store) = store();
    assert_eq!(put(&store, b"x"), Outcome::New);
    assert_eq!(put(&store, b"x"), Outcome::AlreadyPresent);
}

#[test]
fn of_sixteen_writers_of_one_blob_one_brings_it_and_all_succeed() {
    for sync in [SyncPolicy::Full, SyncPolicy::None] {
        let directory = tempfile::tempdir().unwrap();
        let options = aqueduct_store::Options { sync, ..Default::default() };
        let store = Store::open(directory.path(), aqueduct_store::Absent::Make, options).unwrap();
        let barrier = Barrier::new(16);
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let race = || {
                let verified = stage(&store, b"the same");
                barrier.wait();
                verified.publish().unwrap().outcome
            };
            let writers: Vec<_> = (0..16).map(|_| scope.spawn(race)).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::New).count(), 1, "{sync:?}");
        assert_eq!(read(&store, &digest(b"the same")).unwrap(), b"the same");
    }
}

#[test]
fn blobs_published_together_share_the_sync_of_their_directory() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    let mut alike = (0_u32..).map(u32::to_le_bytes).filter(|bytes| digest(bytes).as_bytes()[0] == 7);
    let together: Vec<_> = alike.by_ref().take(5).collect();
    let together: Vec<_> = together.iter().map(|bytes| whole(bytes, None)).collect();
    disk.plan(Plan::default());
    for published in store.put_all(&together) {
        assert_eq!(published.unwrap().outcome, Outcome::New);
    }
    let syncs = disk.trace().iter().filter(|traced| traced.verb == Verb::SyncDir).count();
    assert_eq!(syncs, 1);
}

#[test]
fn of_blobs_put_together_each_has_its_own_outcome() {
    let (_directory, store) = store();
    put(&store, b"here");
    let long = bytes(200_000, 7);
    let together = [
        whole(b"new", None),
        whole(b"here", Some(digest(b"here"))),
        whole(b"not what it says", Some(digest(b"something else"))),
        whole(&long, Some(digest(&long))),
        whole(b"", None),
        whole(b"new", None),
    ];
    let outcomes = store.put_all(&together);
    let outcome = |place: usize| outcomes[place].as_ref().map(|published| published.outcome);
    assert_eq!(outcome(0).unwrap(), Outcome::New);
    assert_eq!(outcome(1).unwrap(), Outcome::AlreadyPresent);
    let Err(PutError::DigestMismatch { expected, actual }) = outcome(2) else { panic!("{:?}", outcome(2)) };
    assert_eq!((*expected, *actual), (digest(b"something else"), digest(b"not what it says")));
    assert_eq!(outcome(3).unwrap(), Outcome::New);
    assert_eq!(outcome(4).unwrap(), Outcome::New);
    assert_eq!(outcome(5).unwrap(), Outcome::AlreadyPresent);
    for blob in [&b"new"[..], b"here", &long, b""] {
        assert_eq!(read(&store, &digest(blob)).unwrap(), blob);
    }
    assert!(!store.has(&digest(b"something else")).unwrap());
    assert!(!store.has(&digest(b"not what it says")).unwrap());
}

#[test]
fn a_blob_that_a_full_disk_does_not_take_keeps_no_other_from_being_stored() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"so that the session is on record");
    // Staging and writing the first, then staging the second.
    disk.plan(Plan { fail_at: Some((3, ErrorKind::StorageFull)), ..Plan::default() });
    let outcomes = store.put_all(&[whole(b"first", None), whole(b"second", None), whole(b"third", None)]);
    let taken: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, false, true]);
    let [_, Err(PutError::Publish(PublishError::Change(ChangeError::Fault(fault)))), _] = &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(fault.kind(), ErrorKind::StorageFull);
    assert_eq!(read(&store, &digest(b"third")).unwrap(), b"third");
    assert!(!store.has(&digest(b"second")).unwrap());
}

#[test]
fn under_full_sync_the_bytes_come_first_then_the_name_then_the_directory() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"so that the session is on record");
    let verified = stage(&store, b"x");
    disk.plan(Plan::default());
    verified.publish().unwrap();
    let verbs: Vec<Verb> = disk.trace().iter().map(|traced| traced.verb).collect();
    assert_eq!(verbs, [Verb::SyncData, Verb::Link, Verb::SyncDir]);
}

#[test]
fn without_sync_a_publish_is_a_link_and_nothing_else() {
    let (_slot, disk, store) = simulated(SyncPolicy::None);
    put(&store, b"so that the session is on record");
    let verified = stage(&store, b"x");
    disk.plan(Plan::default());
    verified.publish().unwrap();
    let verbs: Vec<Verb> = disk.trace().iter().map(|traced| traced.verb).collect();
    assert_eq!(verbs, [Verb::Link]);
}

#[test]
fn a_full_disk_is_told_before_the_first_byte() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"so that the session is on record");
    disk.plan(Plan { fail_at: Some((2, ErrorKind::StorageFull)), ..Plan::default() });
    let error = store.begin(Algorithm::Sha256, Some(1 << 30)).unwrap_err();
    let ChangeError::Fault(fault) = &error else { panic!("{error}") };
    assert_eq!((fault.verb(), fault.kind()), ("reserve", ErrorKind::StorageFull));
    assert_eq!(put(&store, b"small"), Outcome::New);
}

#[test]
fn a_failed_data_sync_drops_the_blob_and_nothing_more() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"so that the session is on record");
    let verified = stage(&store, b"x");
    disk.plan(Plan { fail_at: Some((1, ErrorKind::Other)), ..Plan::default() });
    let error = verified.publish().unwrap_err();
    assert!(matches!(error, PublishError::Change(ChangeError::Fault(_))), "{error}");
    assert!(!store.has(&digest(b"x")).unwrap());
    let again = disk.trace().iter().filter(|traced| traced.verb == Verb::SyncData).count();
    assert_eq!(again, 1, "a failed sync is never asked again");
    assert_eq!(put(&store, b"x"), Outcome::New, "a new staging has pages of its own");
}

#[test]
fn a_failed_directory_sync_makes_the_store_read_only_until_it_is_opened_again() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"before");
    let (verified, other) = (stage(&store, b"x"), stage(&store, b"y"));
    disk.plan(Plan { fail_at: Some((3, ErrorKind::Other)), ..Plan::default() });
    let read_only = |error: PublishError| matches!(error, PublishError::Change(ChangeError::ReadOnly(_)));
    assert!(read_only(verified.publish().unwrap_err()));
    assert!(read_only(other.publish().unwrap_err()));
    assert!(matches!(store.begin(Algorithm::Sha256, None).unwrap_err(), ChangeError::ReadOnly(_)));
    assert!(matches!(store.remove(&digest(b"before")).unwrap_err(), ChangeError::ReadOnly(_)));
    assert_eq!(read(&store, &digest(b"before")).unwrap(), b"before");
    assert!(store.close().is_err(), "no clean stop is recorded");
    let store = reopen(&disk, SyncPolicy::Full);
    assert_eq!(put(&store, b"y"), Outcome::New);
}

#[test]
fn a_blob_of_the_wrong_size_under_the_name_is_replaced_by_the_upload() {
    let (directory, store) = store();
    put(&store, b"right");
    let path = path(directory.path(), "blobs", &digest(b"right"));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    assert_eq!(put(&store, b"right"), Outcome::New);
    assert_eq!(read(&store, &digest(b"right")).unwrap(), b"right");
    assert_eq!(store.quarantined().unwrap().len(), 1);
}

#[test]
fn whoever_has_a_removed_blob_open_keeps_it() {
    let (_directory, store) = store();
    put(&store, b"x");
    let blob = store.blob(&digest(b"x")).unwrap().unwrap();
    assert!(store.remove(&digest(b"x")).unwrap());
    assert!(!store.has(&digest(b"x")).unwrap());
    assert!(!store.remove(&digest(b"x")).unwrap());
    let mut byte = [0];
    blob.file().read_exact_at(&mut byte, 0).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn writers_and_removers_of_one_blob_never_see_an_error() {
    let (_directory, store) = store();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..50 {
                    put(&store, b"contended");
                }
            });
            scope.spawn(|| {
                for _ in 0..200 {
                    store.remove(&digest(b"contended")).unwrap();
                }
            });
        }
    });
    put(&store, b"contended");
    assert_eq!(read(&store, &digest(b"contended")).unwrap(), b"contended");
}

#[test]
fn the_same_bytes_under_another_algorithm_are_another_blob() {
    let (_directory, store) = store();
    put(&store, b"x");
    let mut staging = store.begin(Algorithm::Blake3, None).unwrap();
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(b"x", offset)?;
        observe(b"x");
        Ok(Step::Moved(1))
    });
    assert_eq!(step.unwrap(), Step::Moved(1));
    assert_eq!(staging.verify(None).unwrap().publish().unwrap().outcome, Outcome::New);
    assert_eq!(store.usage().unwrap().count, 2);
}

#[test]
fn no_descriptor_is_left_behind_by_any_failure() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"before");
    let fail =
        |disk: &SimDisk, nth| disk.plan(Plan { fail_at: Some((nth, ErrorKind::Other)), ..Plan::default() });
    let open_count = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let root = disk.directory();
        links
            .filter(|link| {
                std::fs::read_link(link.as_ref().unwrap().path()).is_ok_and(|to| to.starts_with(&root))
            })
            .count()
    };
    let before = open_count();
    for nth in 1..=4 {
        fail(&disk, nth);
        let staged = store.begin(Algorithm::Sha256, Some(1)).map(|mut staging| {
            let filled = staging.fill(&mut |file, offset, observe| {
                file.write_all_at(b"z", offset)?;
                observe(b"z");
                Ok(Step::Moved(1))
            });
            filled.map(|_| staging.verify(None).map(|verified| verified.publish().is_ok()).is_ok()).is_ok()
        });
        drop(staged);
    }
    assert_eq!(open_count(), before);
}

#[test]
fn what_a_receiver_reserved_beyond_the_last_byte_is_cut_off() {
    let (_directory, store) = store();
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let mut intake = Intake::new(ReceiveRoute::Mmap);
    let mut source = tempfile::tempfile().unwrap();
    source.write_all(b"hello").unwrap();
    source.rewind().unwrap();
    loop {
        let step = staging.fill(&mut |target, offset, observe| {
            intake.step(source.as_fd(), target, offset, 1 << 20, observe)
        });
        if step.unwrap() == Step::End {
            break;
        }
    }
    staging.verify(None).unwrap().publish().unwrap();
    assert_eq!(read(&store, &digest(b"hello")).unwrap(), b"hello");
}

#[test]
fn a_turn_that_fails_halfway_leaves_what_was_counted_and_no_more() {
    let (_directory, store) = store();
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    let failed = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(b"partial", offset)?;
        observe(b"part");
        Err(ErrorKind::ConnectionReset.into())
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let verified = staging.verify(None).unwrap();
    assert_eq!((verified.digest(), verified.size()), (digest(b""), 0));
    verified.publish().unwrap();
    assert_eq!(read(&store, &digest(b"")).unwrap(), b"");
}

#[test]
fn a_failed_directory_sync_is_not_asked_again_and_nobody_is_told_that_the_blob_is_there() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"before");
    let verified = stage(&store, b"x");
    disk.plan(Plan { fail_at: Some((3, ErrorKind::Other)), ..Plan::default() });
    verified.publish().unwrap_err();
    assert!(matches!(store.has(&digest(b"x")).unwrap_err(), ChangeError::ReadOnly(_)));
    assert!(store.has(&digest(b"before")).unwrap());
    assert_eq!(disk.trace().iter().filter(|traced| traced.verb == Verb::SyncDir).count(), 1);
}

#[test]
fn what_is_already_gone_is_gone_for_good() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"x");
    disk.plan(Plan { fail_at: Some((2, ErrorKind::Other)), ..Plan::default() });
    store.remove(&digest(b"x")).unwrap_err();
    drop(store);
    let store = reopen(&disk, SyncPolicy::Full);
    disk.plan(Plan::default());
    assert!(!store.remove(&digest(b"x")).unwrap());
    assert!(
        disk.trace().iter().any(|traced| traced.verb == Verb::SyncDir && traced.path.starts_with("blobs"))
    );
}

#[test]
fn what_only_reads_changes_nothing_on_the_medium() {
    let (_slot, disk, store) = simulated(SyncPolicy::Full);
    put(&store, b"x");
    store.close().unwrap();
    disk.plan(Plan::default());
    let store = reopen(&disk, SyncPolicy::Full);
    assert!(store.blob(&digest(b"x")).unwrap().is_some());
    assert!(store.has(&digest(b"x")).unwrap());
    assert_eq!(store.list(None, 10).unwrap().len(), 1);
    store.close().unwrap();
    assert_eq!(disk.trace(), []);
}

#[test]
fn a_name_that_something_else_has_is_an_error_that_says_so() {
    let (directory, store) = store();
    let path = path(directory.path(), "blobs", &digest(b"x"));
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    let PublishError::Change(ChangeError::Fault(fault)) = stage(&store, b"x").publish().unwrap_err() else {
        panic!("it is no fault of the disk")
    };
    assert_eq!(fault.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn meta_can_be_written_on_a_full_disk() {
    let (directory, store) = store();
    store.close().unwrap();
    let meta = std::fs::metadata(directory.path().join("meta.redb")).unwrap();
    assert!(meta.blocks() * 512 >= meta.len(), "{} of {} bytes", meta.blocks() * 512, meta.len());
}

fn names(root: &std::path::Path) -> Vec<std::path::PathBuf> {
    snapshot(root).into_iter().map(|(path, _)| path).collect()
}

/// Stages bytes as a route does that shows them.
fn shown(staging: &mut aqueduct_store::Staging, bytes: &[u8]) {
    let step = staging.fill(&mut |file, offset, observe| {
        file.write_all_at(bytes, offset)?;
        observe(bytes);
        Ok(Step::Moved(bytes.len()))
    });
    assert_eq!(step.unwrap(), Step::Moved(bytes.len()));
}

#[test]
fn a_hash_that_was_lent_follows_what_is_staged_meanwhile() {
    let (_directory, store) = store();
    let content = bytes(3 << 20, 5);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    shown(&mut staging, &content[..1 << 20]);
    assert!(staging.is_hashing());
    let mut follower = staging.lend_hash().unwrap();
    assert!(staging.lend_hash().is_none(), "it is lent once");
    assert!(!staging.is_hashing(), "somebody else does");
    shown(&mut staging, &content[1 << 20..2 << 20]);
    follower.follow().unwrap();
    shown(&mut staging, &content[2 << 20..]);
    staging.take_hash(follower).unwrap();
    assert!(staging.is_hashing(), "again");
    assert_eq!(staging.verify(None).unwrap().digest(), digest(&content));
}

#[test]
fn a_hash_that_does_not_come_back_is_made_anew() {
    let (_directory, store) = store();
    let content = bytes(3 << 20, 6);
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    shown(&mut staging, &content[..1 << 20]);
    drop(staging.lend_hash());
    shown(&mut staging, &content[1 << 20..]);
    assert_eq!(staging.verify(Some(&digest(&content))).unwrap().digest(), digest(&content));
}

#[test]
fn only_what_was_staged_is_hashed_and_not_what_lies_behind_it() {
    let (_directory, store) = store();
    let mut staging = store.begin(Algorithm::Sha256, None).unwrap();
    shown(&mut staging, b"hello");
    let mut follower = staging.lend_hash().unwrap();
    let step = staging.fill(&mut |file, offset, _| {
        file.write_all_at(b", world", offset)?;
        follower.follow().unwrap();
        Ok(Step::Moved(2))
    });
    assert_eq!(step.unwrap(), Step::Moved(2));
    staging.take_hash(follower).unwrap();
    assert_eq!(staging.verify(None).unwrap().digest(), digest(b"hello, "));
}

#[test]
#[should_panic(expected = "goes back to where it is from")]
fn a_hash_of_other_bytes_is_never_taken() {
    let (_directory, store) = store();
    let mut first = store.begin(Algorithm::Sha256, None).unwrap();
    let mut second = store.begin(Algorithm::Sha256, None).unwrap();
    drop(second.take_hash(first.lend_hash().unwrap()));
}
