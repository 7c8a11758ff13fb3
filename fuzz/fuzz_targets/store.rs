//! A store against a model: blobs are put, read, removed, listed, counted, pinned and evicted, uploads begun, gone on with
//! and dropped, and the store is closed, or killed, and opened again. What it answers is what the model knows.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use aqueduct_blob::{Digest, SEGMENT_LEN, UploadId};
use aqueduct_flow::Step;
use aqueduct_fuzz::{Feed, Known, Place, known};
use aqueduct_store::{
    Absent, Blob, FinishError, Landed, Limits, Options, Outcome, PutError, Resumed, Store, SyncPolicy,
    UploadError, UploadPlan, VerifyError, Whole,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut trial = Trial::begin(GROUND.lock().expect("a failure ends the process").take());
    let mut feed = Feed(bytes);
    for _ in 0..VERB_COUNT_MAX {
        let Some(verb) = feed.next() else { break };
        trial.act(verb, &mut feed);
    }
    *GROUND.lock().expect("a failure ends the process") = Some(trial.end());
});

struct Trial {
    /// `None` only while it is opened again.
    opened: Option<Store>,
    is_limited: bool,
    /// Under a limit, those of them that are neither pinned nor open may be gone.
    present: BTreeMap<Digest, &'static Known>,
    pins: BTreeSet<Digest>,
    open: Option<(Blob, &'static Known)>,
    uploads: BTreeMap<UploadId, Sending>,
    /// Perhaps with other options than at first.
    was_reopened: bool,
    /// How many more segments of full length may be hashed: each takes milliseconds.
    full_left: usize,
}

/// An upload that was begun.
struct Sending {
    plan: UploadPlan,
    blob: &'static Known,
    held: BTreeSet<u64>,
    is_stored: bool,
}

impl Trial {
    fn begin(store: Option<Store>) -> Self {
        Self {
            opened: Some(store.unwrap_or_else(|| open(SyncPolicy::Full, None))),
            is_limited: false,
            present: BTreeMap::new(),
            pins: BTreeSet::new(),
            open: None,
            uploads: BTreeMap::new(),
            was_reopened: false,
            full_left: 3,
        }
    }

    fn store(&self) -> &Store {
        self.opened.as_ref().expect("it is open")
    }

    fn act(&mut self, verb: u8, feed: &mut Feed<'_>) {
        match verb % 16 {
            0 | 1 => self.put_all(feed),
            2 => self.put_in_steps(feed),
            3 => {
                let blob = self.blob(feed);
                self.read(blob, feed.flag());
            }
            4 => {
                let blob = self.blob(feed);
                self.remove(blob);
            }
            5 => self.list(feed),
            6 => self.count(),
            7 => {
                let blob = self.blob(feed);
                self.pin(blob, feed.flag());
            }
            8 => self.make_room(),
            9 => {
                let blob = self.blob(feed);
                self.look(blob);
            }
            10 => self.reopen(feed),
            11 => good(self.store().settle()),
            12 | 13 => self.send(feed),
            14 => self.drop_upload(feed),
            _ => self.list_uploads(),
        }
    }

    /// The large ones take milliseconds.
    fn blob(&mut self, feed: &mut Feed<'_>) -> &'static Known {
        let blob = &known()[feed.below(known().len())];
        if blob.size() <= SEGMENT_LEN {
            return blob;
        }
        match self.full_left.checked_sub(1) {
            Some(left) => {
                self.full_left = left;
                blob
            }
            None => &known()[0],
        }
    }

    fn may_be_gone(&self, digest: &Digest) -> bool {
        let is_open = self.open.as_ref().is_some_and(|(_, blob)| blob.digest == *digest);
        self.is_limited && !self.pins.contains(digest) && !is_open
    }

    /// Notes what was found: that it is there, or is not.
    fn saw(&mut self, blob: &'static Known, is_there: bool) {
        if is_there {
            assert!(self.present.contains_key(&blob.digest), "{} was never put", blob.digest);
        } else if self.present.remove(&blob.digest).is_some() {
            assert!(self.may_be_gone(&blob.digest), "{} is gone", blob.digest);
        }
    }

    fn published(&mut self, blob: &'static Known, digest: Digest, size: u64, outcome: Outcome) {
        assert_eq!((digest, size), (blob.digest, blob.size()));
        let was_present = self.present.insert(digest, blob).is_some();
        if was_present != (outcome == Outcome::AlreadyPresent) {
            assert!(was_present && self.may_be_gone(&digest), "{outcome:?} of {digest}");
        }
    }

    fn full(&self, error: &(dyn std::error::Error + 'static)) {
        let mut error = Some(error);
        while let Some(cause) = error {
            if cause.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::StorageFull) {
                assert!(self.is_limited, "there is room");
                return;
            }
            error = cause.source();
        }
        panic!("the disk is good");
    }

    fn put_all(&mut self, feed: &mut Feed<'_>) {
        let blobs: Vec<_> = (0..=feed.below(3)).map(|_| self.blob(feed)).collect();
        let blobs: Vec<_> = blobs.into_iter().filter(|blob| blob.size() <= SEGMENT_LEN).collect();
        let expected: Vec<_> = blobs.iter().map(|blob| expected(feed, blob)).collect();
        let whole = |(blob, expected): (&&'static Known, &Option<Digest>)| Whole {
            algorithm: blob.digest.algorithm(),
            expected: *expected,
            bytes: &blob.bytes,
        };
        let wholes: Vec<_> = blobs.iter().zip(&expected).map(whole).collect();
        let outcomes = self.store().put_all(&wholes);
        assert_eq!(outcomes.len(), blobs.len());
        for ((blob, expected), outcome) in blobs.into_iter().zip(expected).zip(outcomes) {
            match outcome {
                Ok(it) => {
                    assert!(expected.is_none_or(|expected| expected == blob.digest));
                    self.published(blob, it.digest, it.size, it.outcome);
                }
                Err(PutError::DigestMismatch { expected: wanted, actual }) => {
                    assert!(Some(wanted) == expected && wanted != actual && actual == blob.digest);
                }
                Err(error) => self.full(&error),
            }
        }
    }

    fn put_in_steps(&mut self, feed: &mut Feed<'_>) {
        let blob = self.blob(feed);
        let choices = feed.byte();
        let wrong_size = choices & 2 != 0 && blob.size() > 0;
        let size = (choices & 1 != 0).then(|| blob.size() - u64::from(wrong_size));
        let expected = expected(feed, blob);
        let mut staging = match self.store().begin(blob.digest.algorithm(), size) {
            Ok(staging) => staging,
            Err(error) => return self.full(&error),
        };
        let is_shown = choices & 4 != 0;
        for piece in blob.bytes.chunks(PIECE_LEN) {
            let filled = staging.fill(&mut |file, offset, show| {
                file.write_all_at(piece, offset)?;
                if is_shown {
                    show(piece);
                }
                Ok(Step::Moved(piece.len()))
            });
            match filled {
                Ok(step) => assert_eq!(step, Step::Moved(piece.len())),
                Err(error) => return self.full(&error),
            }
        }
        if choices & 24 == 24 {
            return;
        }
        match staging.verify(expected.as_ref()) {
            Err(VerifyError::SizeMismatch { announced, actual }) => {
                assert!(size == Some(announced) && actual == blob.size() && wrong_size);
            }
            Err(VerifyError::DigestMismatch { actual, .. }) => {
                assert!(actual == blob.digest && expected.is_some_and(|it| it != actual));
            }
            Err(VerifyError::Fault(error)) => panic!("{error}"),
            Ok(verified) => {
                assert!(expected.is_none_or(|expected| expected == blob.digest));
                match verified.publish() {
                    Ok(it) => self.published(blob, it.digest, it.size, it.outcome),
                    Err(error) => self.full(&error),
                }
            }
        }
    }

    fn read(&mut self, blob: &'static Known, keep: bool) {
        let opened = good(self.store().blob(&blob.digest));
        self.saw(blob, opened.is_some());
        let Some(opened) = opened else { return };
        assert_eq!((opened.digest(), opened.size()), (blob.digest, blob.size()));
        let mut bytes = vec![0; blob.bytes.len()];
        good(opened.file().read_exact_at(&mut bytes, 0));
        assert!(bytes == blob.bytes, "{} has other bytes", blob.digest);
        if keep {
            self.open = Some((opened, blob));
        }
    }

    fn remove(&mut self, blob: &'static Known) {
        let removed = good(self.store().remove(&blob.digest));
        self.saw(blob, removed);
        self.present.remove(&blob.digest);
    }

    fn look(&mut self, blob: &'static Known) {
        let has = good(self.store().has(&blob.digest));
        self.saw(blob, has);
        let list = good(self.store().checkpoints(&blob.digest));
        if has && !self.may_be_gone(&blob.digest) {
            assert!(list.is_some());
        }
        assert!(list.is_none_or(|list| list == blob.checkpoints));
    }

    fn list(&mut self, feed: &mut Feed<'_>) {
        let after = feed.flag().then(|| known()[feed.below(known().len())].digest);
        let limit = feed.below(20);
        let listed = good(self.store().list(after.as_ref(), limit));
        assert!(listed.len() <= limit && listed.is_sorted_by_key(|it| it.digest));
        let names: BTreeSet<_> = listed.iter().map(|it| it.digest).collect();
        for it in &listed {
            assert_eq!(self.present.get(&it.digest).map(|blob| blob.size()), Some(it.size));
        }
        let past = if listed.len() == limit { listed.last().map(|it| it.digest) } else { None };
        let blobs: Vec<_> = self.present.values().copied().collect();
        for blob in blobs.into_iter().filter(|blob| Some(blob.digest) > after) {
            let is_covered = listed.len() < limit || past.is_some_and(|past| blob.digest <= past);
            if is_covered && !names.contains(&blob.digest) {
                self.saw(blob, false);
            }
        }
    }

    /// After this the model knows of each blob whether it is there.
    fn look_at_all(&mut self) {
        for blob in self.present.values().copied().collect::<Vec<_>>() {
            let is_there = good(self.store().blob(&blob.digest)).is_some();
            self.saw(blob, is_there);
        }
    }

    fn count(&mut self) {
        let usage = good(self.store().usage());
        self.look_at_all();
        assert_eq!(usage.count, self.present.len() as u64);
        assert_eq!(usage.size, self.present.values().map(|blob| blob.size()).sum::<u64>());
        let blocks = |blob: &&Known| {
            let opened = good(self.store().blob(&blob.digest)).expect("it was there");
            let list_len = if blob.size() > SEGMENT_LEN { 4096 } else { 0 };
            good(opened.file().metadata()).blocks() * 512 + list_len
        };
        assert_eq!(usage.allocated, self.present.values().map(blocks).sum::<u64>());
    }

    fn pin(&mut self, blob: &'static Known, pin: bool) {
        if pin {
            assert_eq!(good(self.store().pin(&blob.digest)), self.pins.insert(blob.digest));
            // It may have been gone before.
            let is_there = good(self.store().blob(&blob.digest)).is_some();
            if !is_there && self.present.remove(&blob.digest).is_some() {
                assert!(self.is_limited);
            }
        } else {
            assert_eq!(good(self.store().unpin(&blob.digest)), self.pins.remove(&blob.digest));
        }
        assert_eq!(good(self.store().pins(None, 100)), self.pins.iter().copied().collect::<Vec<_>>());
    }

    fn make_room(&mut self) {
        let before = self.store().evicted_count();
        let evicted = good(self.store().keep_room(&|| true));
        assert_eq!(self.store().evicted_count(), before + evicted);
        assert!(self.is_limited || evicted == 0);
        let count = self.present.len();
        self.look_at_all();
        assert!((count - self.present.len()) as u64 >= evicted);
    }

    fn reopen(&mut self, feed: &mut Feed<'_>) {
        self.open = None;
        self.look_at_all();
        let choices = feed.byte();
        let sync = if choices & 1 == 0 { SyncPolicy::Full } else { SyncPolicy::None };
        self.is_limited = choices & 2 != 0;
        self.was_reopened = true;
        let limit = self.is_limited.then(|| SIZE_MIN + (u64::from(feed.byte()) << 15));
        // There is one lock, so the old one ends before the new one begins.
        let old = self.opened.take().expect("it is open");
        if choices & 4 == 0 {
            good(old.close());
        } else {
            drop(old);
        }
        self.opened = Some(open(sync, limit));
    }

    fn send(&mut self, feed: &mut Feed<'_>) {
        let id = UploadId::new([feed.byte() % 3; 16]);
        let blob = match self.uploads.get(&id) {
            Some(sending) if feed.flag() => sending.blob,
            _ => self.blob(feed),
        };
        let digest = expected(feed, blob);
        let digest = digest.filter(|digest| digest.algorithm() == blob.digest.algorithm());
        let plan = UploadPlan { algorithm: blob.digest.algorithm(), digest, size: blob.size() };
        let upload = match self.store().upload(id, &plan) {
            Ok(Resumed::Open(upload)) => upload,
            Ok(Resumed::Stored(published)) => {
                let sending = &self.uploads[&id];
                assert!(sending.is_stored && sending.blob.digest == published.digest);
                return self.saw(blob, true);
            }
            Err(UploadError::Conflict) => return assert_ne!(self.uploads[&id].plan, plan),
            Err(error) => {
                // What was stored and has to come again was forgotten before there was no room for it.
                self.uploads.retain(|it, sending| *it != id || !sending.is_stored);
                return self.full(&error);
            }
        };
        let sending = self.uploads.entry(id).or_insert_with(|| Sending {
            plan,
            blob,
            held: if plan.size == 0 { [0].into() } else { [].into() },
            is_stored: false,
        });
        assert_eq!(sending.plan, plan, "an upload keeps its plan");
        if sending.is_stored {
            // Its blob is gone, so it began anew.
            sending.is_stored = false;
            sending.held = if plan.size == 0 { [0].into() } else { [].into() };
        }
        let count = if plan.size > SEGMENT_LEN { 2 } else { 1 };
        let missing: Vec<u64> = (0..count).filter(|index| !sending.held.contains(index)).collect();
        assert_eq!(upload.missing(9), missing);
        for index in missing.into_iter().take(feed.below(3)) {
            let is_whole = feed.byte() % 4 != 0;
            let Ok(mut receiving) = upload.receive(index) else { break };
            let begin = (index * SEGMENT_LEN) as usize;
            let segment = &blob.bytes[begin..begin + receiving.left() as usize];
            let segment = if is_whole { segment } else { &segment[..segment.len() / 2] };
            for piece in segment.chunks(PIECE_LEN) {
                let filled = receiving.fill(&mut |file, offset, show| {
                    file.write_all_at(piece, offset)?;
                    show(piece);
                    Ok(Step::Moved(piece.len()))
                });
                assert_eq!(good(filled), Step::Moved(piece.len()));
            }
            if is_whole {
                assert_eq!(good(receiving.finish()), Landed::Held);
                sending.held.insert(index);
            }
        }
        if feed.flag() {
            let is_whole = sending.held.len() == count as usize;
            match upload.finish(None) {
                Ok(it) => {
                    assert!(is_whole);
                    sending.is_stored = true;
                    self.published(blob, it.digest, it.size, it.outcome);
                }
                Err(FinishError::Missing(_)) => assert!(!is_whole),
                Err(FinishError::Mismatch { expected, actual }) => {
                    assert!(is_whole && plan.digest == Some(expected) && actual == blob.digest);
                }
                Err(error) => self.full(&error),
            }
        }
    }

    fn drop_upload(&mut self, feed: &mut Feed<'_>) {
        let id = UploadId::new([feed.byte() % 3; 16]);
        assert_eq!(good(self.store().drop_upload(id)), self.uploads.remove(&id).is_some());
    }

    fn list_uploads(&self) {
        let listed = good(self.store().uploads(None, 10));
        assert_eq!(
            listed.iter().map(|it| it.id).collect::<Vec<_>>(),
            self.uploads.keys().copied().collect::<Vec<_>>()
        );
        for (listed, sending) in listed.iter().zip(self.uploads.values()) {
            assert_eq!(listed.plan, sending.plan);
            let lens =
                sending.held.iter().map(|index| (sending.plan.size - index * SEGMENT_LEN).min(SEGMENT_LEN));
            assert_eq!(listed.verified_len, lens.sum::<u64>());
            assert!(
                listed.stored.is_none() || sending.is_stored && listed.stored == Some(sending.blob.digest)
            );
        }
        let open: Vec<_> = self.uploads.values().filter(|it| !it.is_stored).collect();
        let usage = good(self.store().upload_usage());
        assert_eq!(usage.count, open.len() as u64);
        assert_eq!(usage.size, open.iter().map(|it| it.plan.size).sum::<u64>());
    }

    /// Empties the store, for the next input.
    fn end(mut self) -> Store {
        self.open = None;
        if self.was_reopened {
            self.reopen(&mut Feed(&[]));
        }
        for id in std::mem::take(&mut self.uploads).into_keys() {
            assert!(good(self.store().drop_upload(id)));
        }
        for digest in std::mem::take(&mut self.pins) {
            assert!(good(self.store().unpin(&digest)));
        }
        for digest in std::mem::take(&mut self.present).into_keys() {
            assert!(good(self.store().remove(&digest)));
        }
        self.opened.take().expect("it is open")
    }
}

/// The name a sender says it has: none, its own, or another one.
fn expected(feed: &mut Feed<'_>, blob: &Known) -> Option<Digest> {
    match feed.byte() % 4 {
        0 => Some(Digest::new(blob.digest.algorithm(), [7; 32])),
        1 => None,
        _ => Some(blob.digest),
    }
}

fn good<T, E: Debug>(outcome: Result<T, E>) -> T {
    outcome.expect("the disk is good")
}

fn open(sync: SyncPolicy, limit: Option<u64>) -> Store {
    let limits = Limits { size_max: limit, free_min: None, lease: Duration::ZERO };
    let options = Options { sync, limits, upload_mark_len: 1 << 20, ..Options::default() };
    good(Store::open(PLACE.path(), Absent::Make, options))
}

static PLACE: LazyLock<Place> = LazyLock::new(|| Place::make("store"));

/// The store, between two inputs: to make one takes as long as hundreds of them.
static GROUND: Mutex<Option<Store>> = Mutex::new(None);

/// More than that do nothing new.
const VERB_COUNT_MAX: usize = 40;

/// What one call of a receiver brings at most.
const PIECE_LEN: usize = 1 << 20;

/// What a store without blobs takes on tmpfs, nearly.
const SIZE_MIN: u64 = 3 << 20;
