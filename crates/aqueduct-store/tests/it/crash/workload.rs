//! What is done to a store, and what was promised about it.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aqueduct_blob::{Algorithm, Digest, Hasher};
use aqueduct_flow::{CopyLadder, Step as Turned};
use aqueduct_store::disk::{Disk, Verb};
use aqueduct_store::{
    Absent, FsckMode, Limits, Options, Outcome, Overwrite, PutError, ScrubPlan, Store, SyncPolicy, Verified,
    VerifyError, Whole,
};
use aqueduct_testkit::{Image, SimDisk, Slot};

use super::entries::{self, Said, Slot as At};
use super::pieces::{self, Piece};

/// A blob of the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Content {
    /// Less than a sector.
    A,
    /// Several sectors, in several writes, and shares no shard with the others but by chance.
    B,
    /// Nothing at all.
    Empty,
    /// Named by BLAKE3.
    Tree,
    /// Over one segment, so that it has a checkpoint list.
    Large,
    /// Comes in pieces.
    Pieces,
}

impl Content {
    pub(super) const ALL: [Self; 6] = [Self::A, Self::B, Self::Empty, Self::Tree, Self::Large, Self::Pieces];

    /// Those that are quickly put.
    pub(super) const SMALL: [Self; 4] = [Self::A, Self::B, Self::Empty, Self::Tree];

    pub(super) fn bytes(self) -> &'static [u8] {
        &MADE[&self].0
    }

    pub(super) fn digest(self) -> Digest {
        MADE[&self].1
    }

    pub(super) fn algorithm(self) -> Algorithm {
        if self == Self::Tree { Algorithm::Blake3 } else { Algorithm::Sha256 }
    }

    fn make(self) -> (Vec<u8>, Digest) {
        if self == Self::Pieces {
            return (pieces::bytes(), pieces::hashed().digest);
        }
        let (len, seed) = match self {
            Self::A => (100, 1),
            Self::B => (2700, 2),
            Self::Empty => (0, 3),
            Self::Tree => (700, 4),
            Self::Large => ((4 << 20) + 1, 5),
            Self::Pieces => unreachable!("made above"),
        };
        let mut random = fastrand::Rng::with_seed(seed);
        // No byte is zero, so that no lost sector looks like one that was kept.
        let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(1..)).take(len).collect();
        let mut hasher = Hasher::new(self.algorithm());
        hasher.update(&bytes);
        (bytes, hasher.finish().digest)
    }

    /// How much one turn writes: the large one must not make thousands of verbs.
    fn turn_len(self) -> usize {
        if self == Self::Large { 1 << 20 } else { 1000 }
    }
}

/// Every content and its digest, made once.
static MADE: LazyLock<BTreeMap<Content, (Vec<u8>, Digest)>> =
    LazyLock::new(|| Content::ALL.into_iter().map(|content| (content, content.make())).collect());

/// One thing done to the store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Open(SyncPolicy),
    /// The same, with room for nothing, and no lease.
    OpenTight(SyncPolicy),
    /// Without sync, and with the promises of one that syncs.
    OpenCareless,
    Put(Content),
    /// Two writers of one blob, committed together.
    PutTwice(Content),
    /// Two blobs, committed together.
    PutBoth(Content, Content),
    Remove(Content),
    /// Ask for a blob, and rely on the answer.
    Has(Content),
    /// Verify a blob and look for its checkpoints.
    Verify(Content),
    Pin(Content),
    Unpin(Content),
    /// Everything goes that is not pinned, where there is room for nothing.
    KeepRoom,
    /// Ask the index, which writes what was noted.
    Usage,
    Settle,
    CheckSuspects,
    /// Read everything from the medium.
    Scrub,
    /// Check the store, which is closed, and mend it.
    Fsck,
    /// Something is done to the upload.
    Upload(Piece),
    /// An entry is put: under which key, what it says, and whether it takes the place of another.
    PutEntry(At, Said, Overwrite),
    RemoveEntry(At),
    /// Ask for an entry, and rely on the answer.
    Entry(At),
    Wait(i64),
    Close,
    Kill,
}

/// What is known of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    Present,
    Absent,
    Either,
}

impl Known {
    /// What is known after something was done that ends in `news`, and is certain or not.
    pub(super) fn told(self, news: Self, is_certain: bool) -> Self {
        if is_certain || self == news { news } else { Self::Either }
    }
}

/// What was promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Promise {
    pub(super) blobs: BTreeMap<Content, Known>,
    pub(super) pins: BTreeMap<Content, Known>,
    pub(super) upload: pieces::Promise,
    pub(super) entries: entries::Promise,
}

impl Promise {
    /// Of a store without a blob.
    fn nothing() -> Self {
        let blobs: BTreeMap<_, _> =
            Content::ALL.into_iter().map(|content| (content, Known::Absent)).collect();
        Self {
            pins: blobs.clone(),
            blobs,
            upload: pieces::Promise::nothing(),
            entries: entries::Promise::nothing(),
        }
    }
}

/// What was promised: to the next process of this boot, and to the next boot.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) live: Promise,
    pub(super) durable: Promise,
}

impl Model {
    fn new() -> Self {
        Self { live: Promise::nothing(), durable: Promise::nothing() }
    }

    pub(super) fn put(&mut self, content: Content, acknowledged: bool, sync: SyncPolicy) {
        self.learn(content, Known::Present, acknowledged, sync);
    }

    fn removed(&mut self, content: Content, acknowledged: bool, sync: SyncPolicy) {
        self.learn(content, Known::Absent, acknowledged, sync);
    }

    fn learn(&mut self, content: Content, news: Known, acknowledged: bool, sync: SyncPolicy) {
        let promised = acknowledged && sync == SyncPolicy::Full;
        for (promise, is_certain) in [(&mut self.live, acknowledged), (&mut self.durable, promised)] {
            let known = promise.blobs.get_mut(&content).unwrap();
            *known = known.told(news, is_certain);
            if news == Known::Absent {
                promise.entries.lost(content, is_certain);
            }
        }
    }

    /// A pin is durable when it is acknowledged, whatever is done about blobs.
    fn pinned(&mut self, content: Content, news: Known, acknowledged: bool) {
        for promise in [&mut self.live, &mut self.durable] {
            let known = promise.pins.get_mut(&content).unwrap();
            *known = known.told(news, acknowledged);
        }
    }

    /// Whatever may go went, and may come back with the power.
    fn evicted(&mut self, acknowledged: bool) {
        for content in Content::ALL {
            match self.live.pins[&content] {
                Known::Present => {}
                Known::Absent => self.removed(content, acknowledged, Loose),
                Known::Either => self.removed(content, false, Loose),
            }
        }
    }

    fn settled(&mut self) {
        self.durable.blobs = self.live.blobs.clone();
        self.durable.entries = self.live.entries.clone();
    }

    /// What was not durable may be lost, without any power cut.
    fn sync_failed(&mut self) {
        for (content, known) in &mut self.live.blobs {
            if *known != self.durable.blobs[content] {
                *known = Known::Either;
            }
        }
        self.live.entries.widen(&self.durable.entries);
    }

    /// The process is gone, and with it what it knew of entries and had not written.
    fn ended(&mut self) {
        self.live.entries = self.durable.entries.clone();
    }
}

/// A list of acts, and the store it starts from.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) start: Image,
    pub(super) known: Model,
    pub(super) acts: Vec<Act>,
    /// How many images are drawn of each moment, where all are too many: files are long.
    pub(super) samples: Option<usize>,
}

use Act::{
    CheckSuspects, Close, Entry, Fsck, Has, KeepRoom, Kill, Open, OpenCareless, OpenTight, Pin, Put, PutBoth,
    PutEntry, PutTwice, Remove, RemoveEntry, Scrub, Settle, Unpin, Upload, Usage, Verify, Wait,
};
use At::{First, Second};
use Content::{A, B, Empty, Large, Pieces, Tree};
use Overwrite::{Keep, Replace};
use Piece::{Begin, Doubt, Drop, Expire, Finish, Receive};
use SyncPolicy::{Full, None as Loose};

impl Workload {
    pub(super) fn all() -> Vec<Self> {
        [Self::of_blobs(), Self::of_entries()].concat()
    }

    pub(super) fn of_entries() -> Vec<Self> {
        vec![Self::entries(), Self::loose_entries(), Self::evicted_entries(), Self::damaged_entries()]
    }

    pub(super) fn of_blobs() -> Vec<Self> {
        vec![
            Self::synced(),
            Self::loose(),
            Self::killed_between(),
            Self::with_checkpoints(),
            Self::evicting(),
            Self::damaged(),
            Self::scrubbed(),
            Self::without_index(),
            Self::with_damaged_index(),
            Self::without_meta(),
            Self::repaired(),
            Self::upload(),
            Self::loose_upload(),
            Self::rebooted_upload(),
        ]
    }

    pub(super) fn synced() -> Self {
        Self::fresh(
            "synced",
            &[
                Open(Full),
                Put(A),
                Put(B),
                Put(A),
                PutTwice(Empty),
                Remove(A),
                PutBoth(A, Tree),
                Usage,
                Remove(B),
                Wait(5),
                Close,
                Open(Full),
                Put(B),
                Remove(Empty),
                Close,
            ],
        )
    }

    /// Entries that are put, replaced, kept, removed, and lost with a blob they name.
    pub(super) fn entries() -> Self {
        Self::fresh(
            "entries",
            &[
                Open(Full),
                PutEntry(First, Said::One, Replace),
                Put(A),
                Put(B),
                PutEntry(First, Said::One, Replace),
                PutEntry(First, Said::One, Keep),
                Put(Tree),
                PutEntry(First, Said::Other, Keep),
                PutEntry(First, Said::Other, Replace),
                PutEntry(Second, Said::One, Keep),
                Kill,
                Open(Full),
                Entry(First),
                Remove(B),
                PutEntry(Second, Said::One, Replace),
                Put(B),
                Entry(Second),
                PutEntry(Second, Said::One, Keep),
                RemoveEntry(First),
                RemoveEntry(First),
                Wait(5),
                Close,
                Open(Full),
                PutEntry(First, Said::Other, Keep),
                Remove(A),
                Close,
            ],
        )
    }

    /// The least that makes an entry.
    pub(super) fn one_entry() -> Self {
        Self::fresh("one entry", &[Open(Full), Put(A), Put(B), PutEntry(First, Said::One, Replace)])
    }

    /// A store that promises entries as if it synced, and does not.
    pub(super) fn careless_entries() -> Self {
        let acts = [
            Open(Full),
            Put(A),
            Put(B),
            Close,
            Wait(5),
            OpenCareless,
            PutEntry(First, Said::One, Replace),
            Entry(First),
        ];
        Self { samples: Some(3), ..Self::fresh("careless entries", &acts) }
    }

    /// The same without sync.
    pub(super) fn loose_entries() -> Self {
        let acts = [
            Open(Loose),
            Put(A),
            Put(B),
            PutEntry(First, Said::One, Replace),
            Put(Tree),
            PutEntry(Second, Said::Other, Keep),
            Wait(5),
            Settle,
            PutEntry(First, Said::Other, Replace),
            Remove(B),
            Kill,
            Open(Loose),
            Put(B),
            PutEntry(First, Said::One, Replace),
            RemoveEntry(Second),
            Wait(5),
            Close,
            Open(Full),
            PutEntry(Second, Said::One, Keep),
            Kill,
            Open(Loose),
            Entry(First),
            Remove(A),
        ];
        Self { samples: Some(12), ..Self::fresh("loose entries", &acts) }
    }

    /// Entries whose blobs are evicted, and that are put anew.
    pub(super) fn evicted_entries() -> Self {
        let acts = [
            Open(Full),
            Put(A),
            Put(B),
            Put(Tree),
            PutEntry(First, Said::One, Replace),
            PutEntry(Second, Said::Other, Replace),
            Pin(Tree),
            Pin(A),
            Close,
            Wait(5),
            OpenTight(Full),
            // B goes, and the first entry with it.
            KeepRoom,
            Entry(First),
            Entry(Second),
            Kill,
            Open(Full),
            Put(B),
            PutEntry(First, Said::Other, Keep),
            Close,
        ];
        Self { samples: Some(8), ..Self::fresh("evicted entries", &acts) }
    }

    /// Starts from what a power cut left of loose blobs and an entry that names them: one has the wrong bytes.
    pub(super) fn damaged_entries() -> Self {
        let mut slot = Slot::new().unwrap();
        let acts = [Open(Loose), Put(A), Put(B), PutEntry(First, Said::One, Replace), Kill, Open(Full)];
        let acts = [&acts[..], &[PutEntry(First, Said::One, Replace), Kill, Open(Loose)]].concat();
        let before = Self::fresh("before", &acts);
        let disk = slot.mount(&before.start).unwrap();
        Run::new(&disk, &before).go().unwrap();
        let start = disk.image_of_durable().with(&blob_path(B), &[7; 2700]);
        let mut known = before.known;
        for promise in [&mut known.live, &mut known.durable] {
            promise.blobs.extend([A, B].map(|content| (content, Known::Either)));
            promise.entries = entries::Promise::anything();
        }
        let acts = [Open(Full), Entry(First), Put(B), Put(A), PutEntry(First, Said::One, Keep), Scrub, Close];
        Self { name: "damaged entries", start, known, acts: acts.to_vec(), samples: Some(8) }
    }

    pub(super) fn loose() -> Self {
        Self::fresh(
            "loose",
            &[
                Open(Loose),
                Put(A),
                Put(A),
                Wait(5),
                Settle,
                Put(B),
                Remove(A),
                PutTwice(Tree),
                Put(A),
                // The clock goes back behind the mark.
                Wait(-60),
                Put(Empty),
                Wait(60),
                Usage,
                Close,
                Open(Loose),
                Remove(B),
                Put(B),
            ],
        )
    }

    pub(super) fn killed_between() -> Self {
        Self::fresh(
            "killed between",
            &[
                Open(Loose),
                Put(A),
                Put(B),
                Kill,
                Open(Full),
                Put(A),
                Put(Tree),
                Kill,
                Wait(5),
                Open(Full),
                Has(B),
                Has(Tree),
                Put(Tree),
                Remove(A),
                Kill,
                Open(Loose),
                Put(A),
                Put(B),
                Close,
            ],
        )
    }

    pub(super) fn with_checkpoints() -> Self {
        Self::fresh(
            "with checkpoints",
            &[
                Open(Full),
                Put(Large),
                Verify(Large),
                Remove(Large),
                Kill,
                Open(Loose),
                Put(Large),
                Verify(Large),
                Close,
            ],
        )
    }

    pub(super) fn evicting() -> Self {
        Self::fresh(
            "evicting",
            &[
                Open(Full),
                Put(A),
                Put(B),
                Pin(A),
                Pin(Tree),
                Close,
                Wait(5),
                OpenTight(Full),
                KeepRoom,
                // There is room for nothing, but it is here.
                Put(A),
                Close,
                Open(Loose),
                Put(B),
                Put(Tree),
                Unpin(A),
                Kill,
                Wait(5),
                OpenTight(Loose),
                KeepRoom,
                Kill,
                Open(Full),
                Usage,
                Put(A),
                // Not closed: what was put without sync before the kill is suspect, and nothing is promised of it.
                Unpin(Tree),
            ],
        )
    }

    /// Starts from what a power cut left of a loose blob: its name and its size, and the wrong bytes.
    pub(super) fn damaged() -> Self {
        let mut slot = Slot::new().unwrap();
        let before = Self::fresh("before", &[Open(Loose), Put(B), Put(A)]);
        let disk = slot.mount(&before.start).unwrap();
        Run::new(&disk, &before).go().unwrap();
        let wrong =
            |image: &Image| image.differs(&blob_path(B), B.bytes()) && image.holds(&blob_path(A), A.bytes());
        let start = (0..).flat_map(|seed| disk.images(seed)).find(wrong).unwrap();
        let mut known = before.known;
        for content in [A, B] {
            known.live.blobs.insert(content, Known::Either);
            known.durable.blobs.insert(content, Known::Either);
        }
        let acts = [Open(Full), Put(B), Put(A), CheckSuspects, Put(Tree), Close];
        Self { name: "damaged", start, known, acts: acts.to_vec(), samples: None }
    }

    /// The same, and a scrub comes first.
    pub(super) fn scrubbed() -> Self {
        let acts = [Open(Full), Scrub, Put(B), Wait(60), Scrub, Put(Tree), Close];
        Self { name: "scrubbed", acts: acts.to_vec(), samples: Some(8), ..Self::damaged() }
    }

    /// The index is not one, and is made anew while nobody has the store open.
    pub(super) fn repaired() -> Self {
        let Self { start, known, .. } = Self::fresh("", &[]);
        let acts = [Fsck, Open(Full), Put(A), Put(B), Close, Fsck, Open(Full), Remove(A), Close];
        Self {
            name: "repaired",
            start: start.with("index.redb", b"damage"),
            known,
            acts: acts.to_vec(),
            samples: Some(3),
        }
    }

    /// The index is gone: it is derived, and made anew.
    pub(super) fn without_index() -> Self {
        let Self { start, known, .. } = Self::fresh("", &[]);
        let acts = [Open(Full), Put(A), Usage, Put(B), Usage, Close];
        Self {
            name: "without index",
            start: start.without("index.redb"),
            known,
            acts: acts.to_vec(),
            samples: None,
        }
    }

    /// The index is not one: it is put away first.
    pub(super) fn with_damaged_index() -> Self {
        let Self { start, known, .. } = Self::fresh("", &[]);
        let acts = [Open(Full), Usage, Put(A), Close];
        Self {
            name: "with damaged index",
            start: start.with("index.redb", b"damage"),
            known,
            acts: acts.to_vec(),
            samples: None,
        }
    }

    /// `meta.redb` is gone from a store that has blobs: it is made anew, and they are believed once they were hashed.
    pub(super) fn without_meta() -> Self {
        let before = Self::fresh("before", &[Open(Full), Put(A), Put(Tree), Close]);
        let mut slot = Slot::new().unwrap();
        let disk = slot.mount(&before.start).unwrap();
        let mut run = Run::new(&disk, &before);
        run.go().unwrap();
        let durable = run.known.durable;
        let acts =
            [Open(Full), Has(A), Put(B), CheckSuspects, Remove(Tree), Close, Open(Loose), Put(Tree), Settle];
        Self {
            name: "without meta",
            start: disk.image_of_durable().without("meta.redb"),
            known: Model { live: durable.clone(), durable },
            acts: acts.to_vec(),
            samples: None,
        }
    }

    /// Everything that is done to an upload, with marks in between and without.
    pub(super) fn upload() -> Self {
        let acts = [
            Open(Full),
            Upload(Begin),
            Upload(Receive(1)),
            Kill,
            Open(Full),
            Upload(Receive(0)),
            Upload(Doubt),
            Upload(Receive(0)),
            Upload(Receive(2)),
            Upload(Receive(1)),
            Upload(Finish),
            Wait(5),
            Remove(Pieces),
            Upload(Begin),
            Upload(Receive(2)),
            Upload(Drop),
            Upload(Begin),
            Upload(Receive(0)),
            Wait(60),
            Upload(Expire),
            Close,
        ];
        Self { samples: Some(3), ..Self::fresh("upload", &acts) }
    }

    pub(super) fn loose_upload() -> Self {
        let acts = [
            Open(Loose),
            Upload(Begin),
            Upload(Receive(2)),
            Upload(Receive(0)),
            Kill,
            // What this one receives it syncs, and what the one before received as well.
            Open(Full),
            Upload(Receive(1)),
            Kill,
            Open(Loose),
            Upload(Doubt),
            Upload(Receive(0)),
            Upload(Receive(1)),
            Upload(Finish),
            Close,
        ];
        Self { samples: Some(3), ..Self::fresh("loose upload", &acts) }
    }

    /// Starts from what a power cut left of an upload that was received whole: another life of the machine finishes it.
    pub(super) fn rebooted_upload() -> Self {
        let acts = [Open(Full), Upload(Begin), Upload(Receive(2)), Upload(Receive(0)), Upload(Receive(1))];
        let before = Self::fresh("before", &acts);
        let mut slot = Slot::new().unwrap();
        let disk = slot.mount(&before.start).unwrap();
        let mut run = Run::new(&disk, &before);
        run.go().unwrap();
        let durable = run.known.durable;
        let known = Model { live: durable.clone(), durable };
        let acts = vec![Open(Full), Upload(Finish), Close];
        Self { name: "rebooted upload", start: disk.image_of_durable(), known, acts, samples: Some(3) }
    }

    fn fresh(name: &'static str, acts: &[Act]) -> Self {
        let mut slot = Slot::new().unwrap();
        let disk = slot.empty().unwrap();
        let store = Store::open_on(Arc::new(disk.clone()), Absent::Make, Options::default()).unwrap();
        store.close().unwrap();
        let start = disk.image_of_durable();
        Self { name, start, known: Model::new(), acts: acts.to_vec(), samples: None }
    }
}

/// Where a blob lies, written out once more so that the layout cannot change unnoticed.
pub(super) fn blob_path(content: Content) -> String {
    let digest = content.digest().to_string();
    let (algorithm, hex) = digest.split_once(':').unwrap();
    format!("blobs/{algorithm}/{}/{}", &hex[..2], &hex[2..])
}

/// A workload on its way.
pub(super) struct Run {
    disk: SimDisk,
    acts: Vec<Act>,
    pub(super) known: Model,
    store: Option<Store>,
    sync: SyncPolicy,
    /// Which verb fails, as long as it did not.
    fails_at: Option<u64>,
}

impl Run {
    pub(super) fn new(disk: &SimDisk, workload: &Workload) -> Self {
        let (acts, known) = (workload.acts.clone(), workload.known.clone());
        Self { disk: disk.clone(), acts, known, store: None, sync: Full, fails_at: None }
    }

    /// The same, where a verb fails.
    pub(super) fn failing(self, fails_at: u64) -> Self {
        Self { fails_at: Some(fails_at), ..self }
    }

    /// Does everything, until the power goes. An error while it is on is an answer, and the run goes on.
    pub(super) fn go(&mut self) -> Result<(), String> {
        for act in self.acts.clone() {
            self.act(act)?;
            if let Some(at) = self.fails_at
                && self.disk.count() >= at
            {
                self.fails_at = None;
                let failed = self.disk.trace()[usize::try_from(at).unwrap() - 1].verb;
                if matches!(failed, Verb::SyncData | Verb::SyncDir | Verb::SyncAll) {
                    self.known.sync_failed();
                }
            }
            self.known.live.entries.heed(&self.known.live.blobs);
            self.known.durable.entries.heed(&self.known.durable.blobs);
            if self.disk.is_stopped() {
                break;
            }
        }
        // The process ends here, and does not live to close anything.
        let was_stopped = self.disk.is_stopped();
        self.disk.kill();
        self.store = None;
        self.known.ended();
        if !was_stopped {
            self.disk.revive();
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        let opened_with = match act {
            Open(sync) | OpenTight(sync) => Some(sync),
            OpenCareless => Some(Loose),
            _ => None,
        };
        if let Some(sync) = opened_with {
            self.sync = if matches!(act, OpenCareless) { Full } else { sync };
            let tight = Limits { size_max: Some(1), lease: Duration::ZERO, ..Limits::default() };
            let limits = if matches!(act, OpenTight(_)) { tight } else { Limits::default() };
            // After every segment but the last, which is short.
            let options = Options { sync, limits, upload_mark_len: pieces::MARK_LEN, ..Options::default() };
            // A disk that fails here is tried once more, as an operator would.
            let disk: Arc<SimDisk> = Arc::new(self.disk.clone());
            let opened = Store::open_on(disk.clone(), Absent::Refuse, options);
            self.store = opened.or_else(|_| Store::open_on(disk, Absent::Refuse, options)).ok();
            return if self.store.is_some() || self.disk.is_stopped() {
                Ok(())
            } else {
                Err("a store could not be opened a second time".to_owned())
            };
        }
        if let Fsck = act {
            self.store = None;
            let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
            drop(Store::fsck_on(&disk, FsckMode::Mend, &|_| {}, &mut |_| {}));
            return Ok(());
        }
        let Some(store) = self.store.clone() else { return Ok(()) };
        match act {
            Open(_) | OpenTight(_) | OpenCareless | Fsck => unreachable!("done above"),
            Put(content) => {
                let published = put(&store, content);
                self.known.put(content, published.is_ok(), self.sync);
            }
            PutTwice(content) => {
                let any = put_together(&store, &[content, content]).iter().any(Option::is_some);
                self.known.put(content, any, self.sync);
            }
            PutBoth(one, other) => {
                for (content, outcome) in [one, other].into_iter().zip(put_together(&store, &[one, other])) {
                    self.known.put(content, outcome.is_some(), self.sync);
                }
            }
            Has(content) => {
                // Whoever hears that it is there does not send it.
                if matches!(store.has(&content.digest()), Ok(true)) {
                    self.known.put(content, true, self.sync);
                }
            }
            Remove(content) => {
                let removed = store.remove(&content.digest());
                if let Ok(there) = removed
                    && there != (self.known.live.blobs[&content] == Known::Present)
                    && self.known.live.blobs[&content] != Known::Either
                {
                    return Err(format!("remove found {content:?}: {there}"));
                }
                self.known.removed(content, removed.is_ok(), self.sync);
            }
            Verify(content) => {
                // Answers errors where the disk fails; never damage.
                let digest = content.digest();
                if let Ok(Some(checked)) = store.verify(&digest, NonZeroUsize::MIN, &|_| {})
                    && !checked.damage.is_empty()
                {
                    return Err(format!("{content:?} was found damaged"));
                }
                drop(store.checkpoints(&digest));
            }
            Pin(content) => {
                let pinned = store.pin(&content.digest()).is_ok();
                self.known.pinned(content, Known::Present, pinned);
            }
            Unpin(content) => {
                let unpinned = store.unpin(&content.digest()).is_ok();
                self.known.pinned(content, Known::Absent, unpinned);
            }
            KeepRoom => {
                let kept = store.keep_room(&|| true).is_ok();
                self.known.evicted(kept);
            }
            Usage => drop(store.usage()),
            Settle => {
                if store.settle().is_ok() {
                    self.known.settled();
                }
            }
            CheckSuspects => drop(store.check_suspects(&|_| ControlFlow::Continue(()), &mut |_| {})),
            Scrub => {
                let plan = ScrubPlan { threads: NonZeroUsize::MIN, restart: false };
                drop(store.scrub(&plan, &|_| ControlFlow::Continue(()), &mut |_| {}));
            }
            PutEntry(at, said, overwrite) => {
                entries::put(&self.disk, &store, (at, said, overwrite), &mut self.known, self.sync)?;
            }
            RemoveEntry(at) => entries::remove(&store, at, &mut self.known, self.sync)?,
            Entry(at) => entries::ask(&store, at, &mut self.known, self.sync)?,
            Upload(piece) => pieces::act(&self.disk, &store, piece, &mut self.known, self.sync)?,
            Wait(seconds) => self.disk.advance(seconds),
            Close => {
                self.store = None;
                if store.close().is_ok() {
                    self.known.settled();
                }
                self.known.ended();
            }
            Kill => {
                // A power that is off stays off.
                if !self.disk.is_stopped() {
                    self.disk.kill();
                    self.store = None;
                    drop(store);
                    self.known.ended();
                    self.disk.revive();
                }
            }
        }
        Ok(())
    }
}

/// Puts a blob, every byte through the store's own way in.
pub(super) fn put(store: &Store, content: Content) -> Result<Outcome, String> {
    let verified = stage(store, content)?;
    let published = verified.publish().map_err(|error| error.to_string())?;
    assert_eq!(published.digest, content.digest());
    Ok(published.outcome)
}

fn put_together(store: &Store, contents: &[Content]) -> Vec<Option<Outcome>> {
    let whole: Vec<_> = contents
        .iter()
        .map(|content| Whole {
            algorithm: content.algorithm(),
            expected: Some(content.digest()),
            bytes: content.bytes(),
        })
        .collect();
    let outcomes = store.put_all(&whole).into_iter();
    outcomes.map(|outcome: Result<_, PutError>| outcome.ok().map(|published| published.outcome)).collect()
}

fn stage(store: &Store, content: Content) -> Result<Verified, String> {
    let bytes = content.bytes();
    let mut staging =
        store.begin(content.algorithm(), Some(bytes.len() as u64)).map_err(|error| error.to_string())?;
    if content == Tree {
        // One of them comes from a file of this machine, by whatever route the kernel takes.
        let mut source = tempfile::tempfile().unwrap();
        source.write_all(bytes).unwrap();
        let copied = staging.copy_from(&CopyLadder::new(), &source, &mut |_| {});
        copied.map_err(|error| error.to_string())?;
        return staging.verify(Some(&content.digest())).map_err(|error: VerifyError| error.to_string());
    }
    for piece in bytes.chunks(content.turn_len()) {
        let step = staging
            .fill(&mut |file, offset, observe| {
                file.write_all_at(piece, offset)?;
                // Half of the blobs are hashed on the way, the others read back.
                if content != B {
                    observe(piece);
                }
                Ok(Turned::Moved(piece.len()))
            })
            .map_err(|error| error.to_string())?;
        assert_eq!(step, Turned::Moved(piece.len()));
    }
    staging.verify(Some(&content.digest())).map_err(|error: VerifyError| error.to_string())
}
