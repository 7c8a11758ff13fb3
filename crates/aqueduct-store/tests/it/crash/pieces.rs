//! An upload: what is done to it, and what was promised about it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::time::Duration;

use aqueduct_blob::{Algorithm, Hashed, Hasher, SEGMENT_LEN, UploadId, segment_range};
use aqueduct_flow::Step;
use aqueduct_store::{Landed, Resumed, Store, SyncPolicy, Upload, UploadPlan};
use aqueduct_testkit::SimDisk;

use super::workload::{self, Content, Known, Model};

/// Every upload of a workload has this id.
pub(super) const ID: &str = "0123456789abcdef0123456789abcdef";

/// A mark is due after each of the long segments, and not after the short one.
pub(super) const MARK_LEN: u64 = SEGMENT_LEN;

const SIZE: u64 = 2 * SEGMENT_LEN + 1000;
const SEGMENT_COUNT: usize = 3;

/// Something that is done to the upload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    /// Open it, or begin it.
    Begin,
    /// Receive a segment.
    Receive(u64),
    /// Claim that the first segment is another one, which drops it and the one after it; and take that back.
    Doubt,
    Finish,
    Drop,
    /// Take away what was idle for half a minute.
    Expire,
}

/// What was promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Promise {
    there: Known,
    segments: [Known; SEGMENT_COUNT],
    finished: Known,
}

impl Promise {
    pub(super) fn nothing() -> Self {
        Self { there: Known::Absent, segments: [Known::Absent; SEGMENT_COUNT], finished: Known::Absent }
    }

    /// Nothing is promised any more.
    fn anything() -> Self {
        Self { there: Known::Either, segments: [Known::Either; SEGMENT_COUNT], finished: Known::Either }
    }

    pub(super) fn was_begun(&self) -> bool {
        self.there != Known::Absent
    }

    fn dropped(&mut self, is_certain: bool) {
        for known in self.segments.iter_mut().chain([&mut self.there, &mut self.finished]) {
            *known = known.told(Known::Absent, is_certain);
        }
    }

    fn begun(&mut self, is_certain: bool) {
        if self.finished != Known::Absent || self.there == Known::Absent {
            // It begins with nothing: a finished one only because its blob is gone.
            self.dropped(is_certain);
        }
        self.there = self.there.told(Known::Present, is_certain);
    }
}

/// Mostly zeroes, which cost nothing, with something in the first, a middle and the last page of each segment.
pub(super) fn bytes() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut bytes = vec![0; usize::try_from(SIZE).unwrap()];
    for segment in bytes.chunks_mut(usize::try_from(SEGMENT_LEN).unwrap()) {
        let (len, page) = (segment.len(), segment.len().min(4096));
        for start in [0, (len / 2).min(len - page), len - page] {
            segment[start..start + page].fill_with(|| random.u8(1..));
        }
    }
    bytes
}

pub(super) fn hashed() -> &'static Hashed {
    static HASHED: LazyLock<Hashed> = LazyLock::new(|| {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(&bytes());
        hasher.finish()
    });
    &HASHED
}

pub(super) fn act(
    disk: &SimDisk,
    store: &Store,
    piece: Piece,
    known: &mut Model,
    sync: SyncPolicy,
) -> Result<(), String> {
    let is_full = sync == SyncPolicy::Full;
    let outcome = attempt(store, piece);
    let done = matches!(outcome, Ok(Done::Yes));
    let promises = |known: &mut Model, change: &dyn Fn(&mut Promise, bool)| {
        change(&mut known.live.upload, done);
        change(&mut known.durable.upload, done && is_full);
    };
    match piece {
        Piece::Begin => {
            known.live.upload.begun(done);
            known.durable.upload.begun(false);
        }
        Piece::Receive(index) => {
            let index = usize::try_from(index).unwrap();
            let segment = |promise: &mut Promise, is_certain| {
                promise.segments[index] = promise.segments[index].told(Known::Present, is_certain);
            };
            segment(&mut known.live.upload, done);
            segment(&mut known.durable.upload, false);
            if done && is_full && index < 2 {
                // The mark was made: it covers whatever came before.
                known.durable.upload = known.live.upload.clone();
            }
        }
        Piece::Doubt => {
            // Whatever the policy: nothing may be written in their place before.
            for promise in [&mut known.live.upload, &mut known.durable.upload] {
                for segment in &mut promise.segments[..2] {
                    *segment = segment.told(Known::Absent, done);
                }
            }
        }
        Piece::Finish => {
            promises(known, &|promise, is_certain| {
                promise.finished = promise.finished.told(Known::Present, is_certain);
            });
            known.put(Content::Pieces, done, sync);
        }
        Piece::Drop | Piece::Expire => promises(known, &Promise::dropped),
    }
    match outcome {
        Ok(_) => Ok(()),
        Err(Trouble::Wrong(error)) => Err(error),
        // A sync that fails takes the upload with it. Where the power is off nothing does.
        Err(Trouble::Disk) if !disk.is_stopped() => {
            known.live.upload = Promise::anything();
            known.durable.upload = Promise::anything();
            Ok(())
        }
        Err(Trouble::Disk) => Ok(()),
    }
}

enum Done {
    Yes,
    /// There was nothing to do it to, since something failed before.
    No,
}

enum Trouble {
    Disk,
    Wrong(String),
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(_: E) -> Self {
        Self::Disk
    }
}

fn attempt(store: &Store, piece: Piece) -> Result<Done, Trouble> {
    match piece {
        Piece::Begin => drop(store.upload(id(), &plan())?),
        Piece::Drop => drop(store.drop_upload(id())?),
        Piece::Expire => {
            if store.expire_uploads(Duration::from_secs(30))? == 0 {
                return Ok(Done::No);
            }
        }
        Piece::Receive(_) | Piece::Doubt | Piece::Finish => {
            let Some(Resumed::Open(upload)) = store.find_upload(id())? else { return Ok(Done::No) };
            match piece {
                Piece::Receive(index) => {
                    if upload.missing(SEGMENT_COUNT).contains(&index) {
                        receive(&upload, index)?;
                    }
                }
                Piece::Doubt => {
                    let held: Vec<u64> =
                        (0..2).filter(|index| !upload.missing(SEGMENT_COUNT).contains(index)).collect();
                    let dropped = upload.claim(0, &[[7; 32]])?;
                    if dropped != held {
                        return Err(Trouble::Wrong(format!("{held:?} were held, and {dropped:?} dropped")));
                    }
                }
                _ => {
                    if !upload.missing(1).is_empty() {
                        return Ok(Done::No);
                    }
                    let published = upload.finish(Some(&hashed().digest))?;
                    assert_eq!(published.digest, hashed().digest);
                }
            }
        }
    }
    Ok(Done::Yes)
}

fn receive(upload: &Upload, index: u64) -> Result<(), Trouble> {
    upload.claim(0, hashed().checkpoints.entries())?;
    let mut receiving = upload.receive(index)?;
    let range = segment_range(SIZE, index);
    let all = Content::Pieces.bytes();
    let segment = &all[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
    let step = receiving.fill(&mut |file, offset, observe| {
        file.write_all_at(segment, offset)?;
        observe(segment);
        Ok(Step::Moved(segment.len()))
    })?;
    assert_eq!(step, Step::Moved(segment.len()));
    match receiving.finish()? {
        Landed::Held => Ok(()),
        other => Err(Trouble::Wrong(format!("segment {index} came as it was claimed, and is {other:?}"))),
    }
}

/// What there is of the upload is what was promised, and what is held is there.
pub(super) fn check(store: &Store, promise: &workload::Promise) -> Result<(), String> {
    let workload::Promise { blobs, upload: promise, .. } = promise;
    let is_stored = blobs[&Content::Pieces];
    let resumed = store.find_upload(id()).map_err(|error| format!("the upload cannot be opened: {error}"))?;
    if resumed.is_some() && promise.there == Known::Absent {
        return Err("the upload was dropped and is there".to_owned());
    }
    match resumed {
        // One of which nothing came yet is begun anew by whoever opens it, and may be gone in between.
        None if promise.segments.contains(&Known::Present) => {
            Err("the upload was promised and is gone".to_owned())
        }
        None => Ok(()),
        Some(Resumed::Stored(_)) if promise.finished == Known::Absent => {
            Err("the upload is finished, and nobody finished it".to_owned())
        }
        Some(Resumed::Stored(_)) => Ok(()),
        Some(Resumed::Open(_)) if promise.finished == Known::Present && is_stored == Known::Present => {
            Err("the upload was promised to be finished, and is not".to_owned())
        }
        Some(Resumed::Open(upload)) => {
            if promise.finished == Known::Absent {
                check_segments(&upload, promise)?;
            }
            check_bytes(store, &upload)
        }
    }
}

fn check_segments(upload: &Upload, promise: &Promise) -> Result<(), String> {
    let missing = upload.missing(SEGMENT_COUNT);
    for (index, known) in (0..).zip(promise.segments) {
        match (missing.contains(&index), known) {
            (true, Known::Present) => return Err(format!("segment {index} was promised and is missing")),
            (false, Known::Absent) => {
                return Err(format!("segment {index} was promised to be dropped, and is held"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_bytes(store: &Store, upload: &Upload) -> Result<(), String> {
    let there = fs::read(store.root().join("uploads").join(ID)).unwrap();
    for range in upload.held_ranges() {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        if there[range.clone()] != Content::Pieces.bytes()[range.clone()] {
            return Err(format!("the bytes {range:?} are said to be held, and are not there"));
        }
    }
    Ok(())
}

/// Whatever was left: the upload can be gone on with, and nothing that is held is hashed again.
pub(super) fn go_on(store: &Store) -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::error::Error| format!("the upload cannot be {what}: {error}");
    let resumed = store.upload(id(), &plan()).map_err(|error| failed("gone on with", &error))?;
    if let Resumed::Open(upload) = resumed {
        check_bytes(store, &upload)?;
        let held = upload.held_len();
        for index in upload.missing(SEGMENT_COUNT) {
            match receive(&upload, index) {
                Ok(()) => {}
                Err(Trouble::Disk) => return Err(format!("segment {index} cannot be received")),
                Err(Trouble::Wrong(error)) => return Err(error),
            }
        }
        upload.finish(Some(&hashed().digest)).map_err(|error| failed("finished", &error))?;
        if upload.counts().hashed != SIZE - held {
            return Err(format!("{held} bytes were held, and {} were hashed", upload.counts().hashed));
        }
    }
    match store.find_upload(id()) {
        Ok(Some(Resumed::Stored(published))) if published.digest == hashed().digest => {}
        other => return Err(format!("the upload was finished, and is now {other:?}")),
    }
    store.expire_uploads(Duration::ZERO).map(drop).map_err(|error| failed("expired", &error))
}

fn plan() -> UploadPlan {
    UploadPlan { algorithm: Algorithm::Sha256, digest: None, size: SIZE }
}

fn id() -> UploadId {
    ID.parse().unwrap()
}
