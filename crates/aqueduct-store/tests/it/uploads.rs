//! Uploads: what is received once is never received, read or hashed again.

mod gone;
mod resumed;
mod shared;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use aqueduct_blob::{Algorithm, Digest, Hashed, Hasher, SEGMENT_LEN, UploadId, segment_range};
use aqueduct_flow::{Intake, ReceiveRoute, Step};
use aqueduct_store::{
    ClaimError, FinishError, Landed, Outcome, ReceiveError, Receiving, Resumed, Store, SyncPolicy, Upload,
    UploadError, UploadPlan,
};

use crate::fixture::{put, read, store};

/// Three segments.
pub(crate) const SIZE: u64 = 2 * SEGMENT_LEN + 5000;

pub(crate) const ID: UploadId = UploadId::new([0xab; 16]);

/// A blob, whole, as its sender has it.
pub(crate) struct Sender {
    bytes: Vec<u8>,
    pub(crate) hashed: Hashed,
}

impl Sender {
    pub(crate) fn new(algorithm: Algorithm, size: u64) -> Self {
        // Mostly zeroes, with a number in each kilobyte.
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        for (number, piece) in bytes.chunks_mut(1024).enumerate() {
            piece[0] = u8::try_from(number % 251).unwrap() + 1;
        }
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        Self { bytes, hashed: hasher.finish() }
    }

    pub(crate) fn plan(&self) -> UploadPlan {
        UploadPlan { algorithm: self.hashed.digest.algorithm(), digest: None, size: self.hashed.size }
    }

    pub(crate) fn entries(&self) -> &[[u8; 32]] {
        self.hashed.checkpoints.entries()
    }

    fn segment(&self, index: u64) -> &[u8] {
        let range = segment_range(self.hashed.size, index);
        &self.bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }

    pub(crate) fn begin(&self, store: &Store) -> Upload {
        open(store.upload(ID, &self.plan()).unwrap())
    }

    /// Sends a segment, all of it.
    pub(crate) fn send(&self, upload: &Upload, index: u64) -> Landed {
        let mut receiving = upload.receive(index).unwrap();
        send_some(&mut receiving, self.segment(index)).unwrap();
        receiving.finish().unwrap()
    }

    /// Sends a segment with a bit of it flipped.
    pub(crate) fn send_damaged(&self, upload: &Upload, index: u64) -> Landed {
        let mut segment = self.segment(index).to_vec();
        segment[100] ^= 1;
        let mut receiving = upload.receive(index).unwrap();
        send_some(&mut receiving, &segment).unwrap();
        receiving.finish().unwrap()
    }

    pub(crate) fn send_missing(&self, upload: &Upload) {
        for index in upload.missing(usize::MAX) {
            assert_eq!(self.send(upload, index), Landed::Held);
        }
    }
}

pub(crate) fn open(resumed: Resumed) -> Upload {
    match resumed {
        Resumed::Open(upload) => upload,
        Resumed::Stored(published) => panic!("{published:?}"),
    }
}

/// Sends bytes in turns of a quarter of a segment.
pub(crate) fn send_some(receiving: &mut Receiving, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(1 << 20) {
        let step = receiving.fill(&mut |file, offset, observe| {
            file.write_all_at(piece, offset)?;
            observe(piece);
            Ok(Step::Moved(piece.len()))
        })?;
        assert_eq!(step, Step::Moved(piece.len()));
    }
    Ok(())
}

pub(crate) fn files(store: &Store) -> Vec<String> {
    let entries = std::fs::read_dir(store.root().join("uploads")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn bytes_path(store: &Store) -> PathBuf {
    store.root().join("uploads").join(ID.to_string())
}

#[test]
fn segments_that_come_backwards_become_a_blob() {
    for algorithm in Algorithm::ALL {
        let (_directory, store) = store();
        let sender = Sender::new(algorithm, SIZE);
        let upload = sender.begin(&store);
        assert_eq!(upload.claim(0, sender.entries()).unwrap(), []);
        for index in [2, 1, 0] {
            assert!(!store.has(&sender.hashed.digest).unwrap());
            assert_eq!(sender.send(&upload, index), Landed::Held);
        }
        let published = upload.finish(Some(&sender.hashed.digest)).unwrap();
        assert_eq!((published.digest, published.size), (sender.hashed.digest, SIZE));
        assert_eq!(published.outcome, Outcome::New);
        assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
        assert_eq!(store.checkpoints(&sender.hashed.digest).unwrap().unwrap(), sender.hashed.checkpoints);
        let usage = store.usage().unwrap();
        assert_eq!((usage.count, usage.size), (1, SIZE));
    }
}

#[test]
fn every_size_at_which_segments_change_their_shape_can_be_uploaded() {
    for algorithm in Algorithm::ALL {
        let (_directory, store) = store();
        for size in [0, 1, 64, SEGMENT_LEN - 1, SEGMENT_LEN, SEGMENT_LEN + 1, 2 * SEGMENT_LEN] {
            let sender = Sender::new(algorithm, size);
            let upload = sender.begin(&store);
            sender.send_missing(&upload);
            assert_eq!(upload.finish(None).unwrap().digest, sender.hashed.digest, "{algorithm} {size}");
            assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
            assert_eq!(upload.counts().hashed, size);
            assert!(store.drop_upload(ID).unwrap());
        }
    }
}

#[test]
fn an_uploaded_blob_is_a_file_like_any_other() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    let blob = store.blob(&sender.hashed.digest).unwrap().unwrap();
    let metadata = blob.file().metadata().unwrap();
    assert_eq!(metadata.mode() & 0o777 & !0o444, 0, "nobody may write it");
    assert_eq!(metadata.nlink(), 1);
    assert_eq!(files(&store), [format!("{ID}.journal")]);
}

#[test]
fn a_blob_that_is_there_already_is_not_there_twice() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    put(&store, &sender.bytes);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    assert_eq!(upload.finish(None).unwrap().outcome, Outcome::AlreadyPresent);
    assert_eq!(files(&store), [format!("{ID}.journal")]);
}

#[test]
fn space_is_reserved_before_the_first_byte() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let _upload = sender.begin(&store);
    let metadata = std::fs::metadata(bytes_path(&store)).unwrap();
    assert_eq!(metadata.len(), SIZE);
    assert!(metadata.blocks() * 512 >= SIZE, "{} blocks", metadata.blocks());
    let usage = store.upload_usage().unwrap();
    assert_eq!((usage.count, usage.size), (1, SIZE));
}

#[test]
fn a_segment_is_received_by_every_route() {
    for route in ReceiveRoute::ALL {
        let (_directory, store) = store();
        let sender = Sender::new(Algorithm::Sha256, SIZE);
        let upload = sender.begin(&store);
        for index in [0, 1, 2] {
            let mut receiving = upload.receive(index).unwrap();
            let mut source = tempfile::tempfile().unwrap();
            source.write_all(sender.segment(index)).unwrap();
            let source = rewound(source);
            // One for each segment, as a connection has it; the route mmap makes the file longer than the blob.
            let mut intake = Intake::new(route);
            while receiving.left() > 0 {
                let left = usize::try_from(receiving.left()).unwrap();
                let step = receiving.fill(&mut |file, offset, observe| {
                    intake.step(source.as_fd(), file, offset, left, observe)
                });
                assert!(matches!(step.unwrap(), Step::Moved(_)));
            }
            assert_eq!(receiving.finish().unwrap(), Landed::Held);
        }
        upload.finish(Some(&sender.hashed.digest)).unwrap();
        assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes, "{route}");
    }
}

fn rewound(mut file: File) -> File {
    io::Seek::rewind(&mut file).unwrap();
    file
}

#[test]
fn damage_is_found_by_a_claim_and_sent_again() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send_damaged(&upload, 0), Landed::Held);
    assert_eq!(sender.send(&upload, 1), Landed::Held);
    assert_eq!(upload.claim(0, sender.entries()).unwrap(), [0, 1]);
    assert_eq!(sender.send_damaged(&upload, 1), Landed::Failed);
    assert_eq!(sender.send_damaged(&upload, 2), Landed::Held);
    sender.send_missing(&upload);
    // No claim says what the last segment ends in.
    let error = upload.finish(Some(&sender.hashed.digest)).unwrap_err();
    assert!(matches!(&error, FinishError::Broken(segments) if *segments == [2]), "{error}");
    sender.send_missing(&upload);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
    assert_eq!(read(&store, &sender.hashed.digest).unwrap(), sender.bytes);
}

#[test]
fn another_blob_is_a_mismatch_with_both_names() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let planned = Digest::new(Algorithm::Blake3, [1; 32]);
    let plan = UploadPlan { digest: Some(planned), ..sender.plan() };
    let upload = open(store.upload(ID, &plan).unwrap());
    sender.send_missing(&upload);
    let claimed = sender.hashed.digest;
    for expected in [None, Some(&planned), Some(&claimed)] {
        match upload.finish(expected).unwrap_err() {
            FinishError::Mismatch { expected, actual } => assert_eq!((expected, actual), (planned, claimed)),
            other => panic!("{other}"),
        }
    }
    let plan = UploadPlan { digest: Some(claimed), ..plan };
    assert!(store.drop_upload(ID).unwrap());
    let upload = open(store.upload(ID, &plan).unwrap());
    sender.send_missing(&upload);
    let other = Digest::new(Algorithm::Blake3, [2; 32]);
    match upload.finish(Some(&other)).unwrap_err() {
        FinishError::Mismatch { expected, actual } => assert_eq!((expected, actual), (other, claimed)),
        error => panic!("{error}"),
    }
    upload.finish(None).unwrap();
}

#[test]
fn nothing_is_finished_before_all_of_it_is_there() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 1), Landed::Held);
    // One segment is on its way, and counts only once it is whole.
    let mut receiving = upload.receive(0).unwrap();
    send_some(&mut receiving, &sender.segment(0)[..1 << 20]).unwrap();
    let error = upload.finish(None).unwrap_err();
    assert!(matches!(&error, FinishError::Missing(segments) if *segments == [0, 2]), "{error}");
    send_some(&mut receiving, &sender.segment(0)[1 << 20..]).unwrap();
    assert_eq!(receiving.finish().unwrap(), Landed::Held);
    assert_eq!(sender.send(&upload, 2), Landed::Held);
    upload.finish(None).unwrap();
}

#[test]
fn what_cannot_be_received_is_said() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(upload.receive(1).unwrap_err(), ReceiveError::StateUnknown);
    assert_eq!(upload.receive(3).unwrap_err(), ReceiveError::OutOfBounds { count: 3 });
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    assert_eq!(upload.receive(0).unwrap_err(), ReceiveError::AlreadyHeld);
    assert!(matches!(upload.claim(2, &[[0; 32]]).unwrap_err(), ClaimError::OutOfBounds(_)));
}

#[test]
fn a_turn_that_fails_has_to_be_begun_anew() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, 5000);
    let upload = sender.begin(&store);
    let mut receiving = upload.receive(0).unwrap();
    let lost = receiving.fill(&mut |_, _, observe| {
        observe(&[1; 10]);
        Err(io::ErrorKind::ConnectionReset.into())
    });
    assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    send_some(&mut receiving, &[1; 10]).unwrap_err();
    drop(receiving);
    sender.send_missing(&upload);
    upload.finish(Some(&sender.hashed.digest)).unwrap();
}

#[test]
fn the_same_id_for_another_blob_is_a_conflict() {
    let (_directory, store) = store();
    let sender = Sender::new(Algorithm::Sha256, SIZE);
    let upload = sender.begin(&store);
    assert_eq!(sender.send(&upload, 0), Landed::Held);
    let plan = sender.plan();
    let others = [
        UploadPlan { size: SIZE + 1, ..plan },
        UploadPlan { algorithm: Algorithm::Blake3, ..plan },
        UploadPlan { digest: Some(sender.hashed.digest), ..plan },
    ];
    let refused = |store: &Store| {
        for other in &others {
            assert!(matches!(store.upload(ID, other).unwrap_err(), UploadError::Conflict));
        }
    };
    refused(&store);
    drop(upload);
    refused(&store);
    let upload = sender.begin(&store);
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    drop(upload);
    refused(&store);
}

#[test]
fn without_sync_an_upload_syncs_no_byte() {
    let (_slot, disk, store) = crate::fixture::simulated(SyncPolicy::None);
    let sender = Sender::new(Algorithm::Blake3, SIZE);
    // What was taken away before this session may not come back beside the new files.
    drop(sender.begin(&store));
    store.drop_upload(ID).unwrap();
    let upload = sender.begin(&store);
    disk.plan(aqueduct_testkit::Plan::default());
    sender.send_missing(&upload);
    upload.finish(None).unwrap();
    let syncs = disk.trace().into_iter().filter(|traced| {
        use aqueduct_store::disk::Verb::{SyncAll, SyncData, SyncDir};
        matches!(traced.verb, SyncAll | SyncData | SyncDir)
    });
    assert_eq!(syncs.count(), 0);
}
