//! Doors: translators between a protocol and the store. What a head asks for becomes an [`Intent`]; what became of it, an
//! [`Outcome`], becomes the head of a reply. No door sees a socket, a file or a body.

mod answer;
mod blobs;
mod build_cache;
mod entries;
mod front;
mod metrics;
mod pins;
mod problem;
mod ui;
mod uploads;

use aqueduct_blob::{Algorithm, Digest};
use aqueduct_store::{Listed, Outcome as PublishOutcome, Published};
use aqueduct_wire::http1::{Framing, Ranges, RequestHead, Version, decode_path};

use crate::admission::Admission;
use crate::asked::{Door, Kind, Verdict};
use crate::tokens::Right;

pub(crate) use answer::{Answer, Content, Piece, Voice};
pub(crate) use build_cache::{EntryIntent, EntryOutcome, EntryPut, Shape, parse_hashes, told_to_reader};
pub(crate) use entries::{EntryPage, page_text};
pub(crate) use pins::{PinIntent, PinOutcome};
pub(crate) use problem::Refusal;
pub(crate) use uploads::{Place, Progress, UploadIntent, UploadOutcome};

/// A request, as far as its head tells.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) intent: Result<Intent, Refusal>,
    /// Whose it is.
    pub(crate) door: Door,
    /// Only the head of the reply is wanted.
    pub(crate) head_only: bool,
    pub(crate) framing: Framing,
    pub(crate) version: Version,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
}

/// What a peer asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Intent {
    /// A blob, or parts of it.
    Read(Read),
    /// To take the body for a blob.
    Write(Write),
    /// To take the body for a blob, which it is once it is decoded.
    WriteCoded(Write, ZstdBody),
    /// To remove a blob, if its preconditions hold should it be here.
    Remove { digest: Digest, if_present: bool },
    /// A page of the list of blobs.
    List { after: Option<Digest>, limit: usize },
    /// Which of the digests in the body are not here.
    Missing,
    /// Names that are not to be evicted.
    Pin(PinIntent),
    /// An upload that can be gone on with.
    Upload(UploadIntent),
    /// What is kept under a key of a build cache.
    Entry(EntryIntent),
    /// Whether this server is well.
    Health,
    /// What is counted.
    Metrics,
    /// How this server is, for programs that show it.
    Status,
    /// A part of the page for people.
    Ui(&'static ui::Part),
    /// What this server is; `host` is what it was called.
    Front { html: bool, host: String },
}

#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) digest: Digest,
    /// By which door it leaves.
    pub(crate) door: Door,
    pub(crate) condition: Condition,
    /// The field `Range`, if there is one and `If-Range` lets it count: it means something once the size is known.
    pub(crate) ranges: Option<Box<[u8]>>,
    /// Whether the peer takes it coded with zstd.
    pub(crate) accepts_zstd: bool,
}

/// A body that is coded with zstd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ZstdBody {
    /// What the peer says that it has when it is decoded.
    pub(crate) size: Option<u64>,
}

/// What the preconditions of RFC 9110 section 13 say, should the blob be here: its digest is all they depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Holds,
    NotModified,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) name: Name,
    /// By which door the bytes come.
    pub(crate) door: Door,
    /// Whether its preconditions hold should the blob be here.
    pub(crate) if_present: bool,
    /// Whether they hold should it not.
    pub(crate) if_absent: bool,
}

impl Write {
    /// Of bytes that are wanted whether or not the blob is here.
    pub(crate) fn unconditional(name: Name, door: Door) -> Self {
        Self { name, door, if_present: true, if_absent: true }
    }
}

/// Who names a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// The peer did.
    Given(Digest),
    /// This server finds it.
    Found(Algorithm),
}

/// What became of an intent.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The blob is here, and these parts of it were asked for.
    Blob {
        digest: Digest,
        size: u64,
        ranges: Ranges,
    },
    /// All of the blob leaves coded, which has so many bytes, if that is known.
    Coded {
        digest: Digest,
        len: Option<u64>,
    },
    /// The peer has it.
    NotModified {
        digest: Digest,
    },
    /// It is here now.
    Stored(Published),
    Removed,
    Listed {
        page: Vec<Listed>,
        next: Option<Digest>,
    },
    Missing(Vec<Digest>),
    Pins(PinOutcome),
    Upload(UploadOutcome),
    Entry(EntryOutcome),
    Healthy,
    Metrics(String),
    Status(serde_json::Value),
    Ui(&'static ui::Part),
    Front {
        html: bool,
        host: String,
    },
    Refused(Refusal),
}

impl Request {
    /// What a head asks for, and whether it may.
    pub(crate) fn read(head: &RequestHead<'_>, admission: &Admission) -> Self {
        let (door, intent) = intent(head);
        let intent = admission.hear(head).and(intent).and_then(|intent| {
            intent.right().map_or(Ok(()), |right| admission.admit(head, right))?;
            Ok(intent)
        });
        Self {
            intent,
            door,
            head_only: head.method == http::Method::HEAD,
            framing: head.framing,
            version: head.version,
            keep_alive: head.keep_alive,
            expects_continue: head.expects_continue,
        }
    }

    /// What it is counted as.
    pub(crate) fn kind(&self) -> Kind {
        let is_head = self.head_only;
        match (self.door, &self.intent) {
            (Door::Uploads, Ok(Intent::Upload(UploadIntent::Append { .. }))) => Kind::Append,
            (Door::Uploads, _) => Kind::Manage,
            (Door::BuildCache, Ok(Intent::Read(_) | Intent::Entry(EntryIntent::Find(_)))) => {
                if is_head {
                    Kind::CacheHead
                } else {
                    Kind::CacheGet
                }
            }
            (
                Door::BuildCache,
                Ok(Intent::Write(_) | Intent::WriteCoded(..) | Intent::Entry(EntryIntent::Put(_))),
            ) => Kind::CachePut,
            (Door::BuildCache, Ok(Intent::Entry(EntryIntent::Remove(_)))) => Kind::CacheRemove,
            (Door::BuildCache, _) => Kind::CacheOther,
            (_, Ok(Intent::Read(_))) => {
                if is_head {
                    Kind::Head
                } else {
                    Kind::Get
                }
            }
            (_, Ok(Intent::Write(_))) => Kind::Put,
            (_, Ok(Intent::Remove { .. } | Intent::Entry(EntryIntent::Remove(_)))) => Kind::Remove,
            (_, Ok(Intent::List { .. } | Intent::Entry(EntryIntent::List(_)))) => Kind::List,
            (_, Ok(Intent::Missing)) => Kind::Missing,
            (_, Ok(Intent::Pin(_))) => Kind::Pin,
            _ => Kind::Other,
        }
    }

    /// The blob it is about, if it names one.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match &self.intent {
            Ok(Intent::Read(Read { digest, .. }) | Intent::Remove { digest, .. }) => Some(*digest),
            Ok(
                Intent::Write(Write { name: Name::Given(digest), .. })
                | Intent::WriteCoded(Write { name: Name::Given(digest), .. }, _),
            ) => Some(*digest),
            _ => None,
        }
    }
}

impl Outcome {
    /// What came of the request, and with that whose fault it is.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Blob { ranges: Ranges::Unsatisfiable, .. } => Verdict::Refused,
            Self::Refused(refusal) => refusal.verdict(),
            _ => Verdict::Ok,
        }
    }
}

impl Refusal {
    fn verdict(&self) -> Verdict {
        match self {
            Self::NotKept(why) => why.verdict(),
            Self::Absent { .. }
            | Self::NoSuchEntry
            | Self::NoSuchUpload
            | Self::NotPinned { .. }
            | Self::NoSuchPath { .. } => Verdict::Absent,
            Self::SlowHead | Self::SlowBody => Verdict::Gone,
            Self::Overloaded
            | Self::Short
            | Self::Contended { .. }
            | Self::TooManyConnections
            | Self::TooManyUploads => Verdict::Busy,
            Self::NoSpace | Self::TooManyEntries { .. } | Self::ReadOnly | Self::Fault => Verdict::Failed,
            _ => Verdict::Refused,
        }
    }
}

impl Intent {
    /// What it takes to be heard; `None` if anybody is.
    fn right(&self) -> Option<Right> {
        match self {
            Self::Read(_)
            | Self::List { .. }
            | Self::Missing
            | Self::Metrics
            | Self::Ui(_)
            | Self::Status
            | Self::Pin(PinIntent::List { .. }) => Some(Right::Read),
            Self::Entry(intent) => Some(intent.right()),
            Self::Write(_) | Self::WriteCoded(..) | Self::Remove { .. } | Self::Upload(_) | Self::Pin(_) => {
                Some(Right::Write)
            }
            Self::Health | Self::Front { .. } => None,
        }
    }
}

/// Whose a path is, and what is asked there.
fn intent(head: &RequestHead<'_>) -> (Door, Result<Intent, Refusal>) {
    let nowhere = || (Door::Blobs, Err(blobs::no_such_path(head.path)));
    let Some(path) = decode_path(head.path) else { return nowhere() };
    if let Some(intent) = uploads::intent(head, &path) {
        (Door::Uploads, intent.map(Intent::Upload))
    } else if let Some(intent) = build_cache::dav_intent(&head.method) {
        // Before any path: there are collections everywhere.
        (Door::BuildCache, Ok(intent))
    } else if let Some(intent) = BLOBS.iter().find_map(|intent| intent(head, &path)) {
        (Door::Blobs, intent)
    } else {
        build_cache::intent(head, &path).map_or_else(nowhere, |intent| (Door::BuildCache, intent))
    }
}

/// What a head asks of a part of a door, with its path decoded; `None` if that is of another.
type AskedOf = fn(&RequestHead<'_>, &str) -> Option<Result<Intent, Refusal>>;

/// The parts of the blobs door. What is asked for most comes first.
const BLOBS: [AskedOf; 4] = [blobs::intent, pins::intent, entries::intent, ui::intent];

/// What follows the root of a part in a path: nothing, for the root itself. `None` if the path is of another.
fn below<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A blob that was here before anything was sent.
pub(crate) fn already_present(digest: Digest, size: u64) -> Published {
    Published { digest, size, outcome: PublishOutcome::AlreadyPresent }
}

/// What a reply to a `POST /blobs/missing` is made from.
pub(crate) use blobs::{MISSING_BODY_LEN_MAX, parse_digests};
