//! Several who receive, and finish, at the same time.

use std::os::unix::fs::FileExt;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use aqueduct_blob::{Algorithm, SEGMENT_LEN, UploadId};
use aqueduct_flow::Step;
use aqueduct_store::{Landed, Outcome, Resumed, TakenOver};

use super::{ID, SIZE, Sender, send_some};
use crate::fixture::{read, store};

#[test]
fn a_segment_that_is_taken_over_is_written_by_the_newer_receiver_alone() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    let mut older = upload.receive(0).unwrap();
    send_some(&mut older, &[9; 3000]).unwrap();
    assert!(!older.is_taken_over());
    let mut newer = upload.receive(0).unwrap();
    assert_eq!((newer.offset(), newer.left()), (0, SEGMENT_LEN));
    assert!(older.is_taken_over());
    let refused = older.fill(&mut |_, _, _| panic!("nobody may write here"));
    assert!(refused.unwrap_err().get_ref().unwrap().is::<TakenOver>());
    send_some(&mut newer, sender.segment(0)).unwrap();
    assert_eq!(newer.finish().unwrap(), Landed::Held);
    drop(older);
    sender.send_missing(&upload);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
}

#[test]
fn a_receiver_that_has_all_its_bytes_and_was_taken_over_lands_nothing() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    let mut older = upload.receive(0).unwrap();
    send_some(&mut older, sender.segment(0)).unwrap();
    let newer = upload.receive(0).unwrap();
    assert_eq!(older.finish().unwrap(), Landed::TakenOver);
    assert_eq!(upload.held_len(), 0);
    drop(newer);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
}

#[test]
fn taking_over_waits_for_the_turn_under_way() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let upload = sender.begin(&store);
    let mut older = upload.receive(0).unwrap();
    let (began, is_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            older.fill(&mut |file, offset, observe| {
                began.send(()).unwrap();
                may_end.recv().unwrap();
                file.write_all_at(&[9; 100], offset)?;
                observe(&[9; 100]);
                Ok(Step::Moved(100))
            })
        });
        is_begun.recv().unwrap();
        let (told, is_told) = mpsc::channel();
        let taking = scope.spawn({
            let (upload, sender) = (&upload, &sender);
            move || {
                let mut newer = upload.receive(0).unwrap();
                told.send(()).unwrap();
                send_some(&mut newer, sender.segment(0)).unwrap();
                newer.finish().unwrap()
            }
        });
        assert!(is_told.try_recv().is_err());
        end.send(()).unwrap();
        assert_eq!(writing.join().unwrap().unwrap(), Step::Moved(100));
        assert_eq!(taking.join().unwrap(), Landed::Held);
    });
    sender.send_missing(&upload);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
}

#[test]
fn many_who_send_the_same_segments_make_one_blob() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    upload.claim(0, sender.entries()).unwrap();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for first in 0..4 {
            let (store, sender, start) = (&store, &sender, &start);
            scope.spawn(move || {
                let upload = sender.begin(store);
                start.wait();
                // Each begins elsewhere, and takes over what it meets.
                for index in (0..3).map(|index| (index + first) % 3) {
                    let Ok(mut receiving) = upload.receive(index) else { continue };
                    if send_some(&mut receiving, sender.segment(index)).is_ok() {
                        assert_ne!(receiving.finish().unwrap(), Landed::Failed);
                    }
                }
            });
        }
    });
    // Whoever took a segment over last has landed it.
    assert_eq!(upload.missing(10), []);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
}

#[test]
fn of_many_who_finish_at_once_one_publishes_and_all_are_told() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    let start = Barrier::new(8);
    let told: Vec<_> = thread::scope(|scope| {
        let finishing: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    upload.clone().finish(Some(&sender.hashed.digest)).unwrap()
                })
            })
            .collect();
        finishing.into_iter().map(|finishing| finishing.join().unwrap()).collect()
    });
    assert!(told.iter().all(|published| published.outcome == Outcome::New && *published == told[0]));
    assert_eq!(store.usage().unwrap().count, 1);
}

#[test]
fn a_parked_receiver_goes_on_in_the_middle_of_its_segment() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    assert_eq!(upload.offset(), SEGMENT_LEN);
    assert!(upload.unpark().is_none());
    let mut receiving = upload.receive(1).unwrap();
    send_some(&mut receiving, &sender.segment(1)[..700]).unwrap();
    upload.park(receiving, Box::new(()));
    // Nobody has it open, and it is kept all the same.
    drop(upload);
    let upload = sender.begin(&store);
    assert_eq!(upload.offset(), SEGMENT_LEN + 700);
    let (mut receiving, _) = upload.unpark().unwrap();
    assert_eq!(upload.offset(), SEGMENT_LEN);
    assert_eq!(receiving.offset(), SEGMENT_LEN + 700);
    send_some(&mut receiving, &sender.segment(1)[700..]).unwrap();
    assert_eq!(receiving.finish().unwrap(), Landed::Held);
    sender.send_missing(&upload);
    assert_eq!(upload.offset(), SIZE);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(upload.counts().hashed, SIZE);
}

#[test]
fn a_parked_receiver_that_was_taken_over_is_none() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    let mut receiving = upload.receive(0).unwrap();
    send_some(&mut receiving, &sender.segment(0)[..700]).unwrap();
    upload.park(receiving, Box::new(()));
    let newer = upload.receive(0).unwrap();
    assert!(upload.unpark().is_none());
    drop(newer);
    store.drop_upload(ID).unwrap();
}

#[test]
fn whoever_was_parked_longest_is_given_up_first_with_what_it_paid() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    assert!(!store.unpark_oldest());
    let uploads = [1, 2].map(|id| match store.upload(UploadId::new([id; 16]), &sender.plan()).unwrap() {
        Resumed::Open(upload) => upload,
        Resumed::Stored(_) => panic!("nothing was sent"),
    });
    let prices = [Arc::new(()), Arc::new(())];
    // The first is parked again, and so is the younger of the two.
    for index in [0, 1, 0] {
        let upload = &uploads[index];
        let (mut receiving, price) = upload
            .unpark()
            .unwrap_or_else(|| (upload.receive(0).unwrap(), Box::new(Arc::clone(&prices[index]))));
        assert_eq!(Arc::strong_count(&prices[index]), 2, "whoever goes on has what was paid");
        send_some(&mut receiving, &sender.segment(0)[..7]).unwrap();
        upload.park(receiving, price);
    }
    assert_eq!(prices.each_ref().map(Arc::strong_count), [2, 2]);
    assert!(store.unpark_oldest());
    assert_eq!(prices.each_ref().map(Arc::strong_count), [2, 1]);
    assert_eq!((uploads[0].offset(), uploads[1].offset()), (14, 0));
}

#[test]
fn a_store_is_not_kept_open_by_a_parked_receiver() {
    let (directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    let mut receiving = upload.receive(0).unwrap();
    send_some(&mut receiving, &sender.segment(0)[..700]).unwrap();
    upload.park(receiving, Box::new(()));
    drop((upload, store));
    drop(crate::fixture::open(directory.path()));
}
