//! What is asked, from the moment it was understood until it came to an end: what is counted of it, and what is written down.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aqueduct_blob::Digest;
use tracing::Span;

use crate::close::Close;
use crate::metrics::METRICS;

/// A door that requests come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTP, but for uploads.
    Blobs,
    /// tus.
    Uploads,
    /// The dialects of build caches.
    BuildCache,
    /// The native protocol.
    Native,
}

/// What is asked for, and by which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    Head,
    Put,
    Remove,
    List,
    Missing,
    Pin,
    /// What is known of the server itself; and what was refused before it was understood, or let in.
    Other,
    /// Bytes for an upload.
    Append,
    /// To begin an upload, look at it or drop it.
    Manage,
    CacheGet,
    CacheHead,
    CachePut,
    CacheRemove,
    /// What a client of a build cache asks beside what is kept, and what was refused before it was understood.
    CacheOther,
    NativeGet,
    NativePut,
    NativeHas,
    NativeList,
    NativeRemove,
    NativeUploads,
    /// What was refused before it could begin.
    NativeOther,
}

/// What came of it, and with that whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    /// What was asked for is not here. Nobody is to blame.
    Absent,
    /// The peer asked wrongly, or may not.
    Refused,
    /// There was no room for it at the moment.
    Busy,
    /// A fault of ours.
    Failed,
    /// The peer went away, or was too slow, before it was answered.
    Gone,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Host(SocketAddr),
    /// A program on this machine, by a Unix socket, which has no name.
    Local,
}

/// A connection: who is at the other end, and how many are counted before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) peer: Peer,
    pub(crate) connection: u64,
    /// How many requests it has brought.
    pub(crate) request_count: u64,
}

/// The name of a request in the log and in replies that refuse it: that of its connection and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    connection: u64,
    request: u64,
}

/// A request that goes on.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    peer: Peer,
    kind: Kind,
    digest: Option<Digest>,
    began: Instant,
    is_answered: bool,
}

impl Door {
    pub(crate) const ALL: [Self; 4] = [Self::Blobs, Self::Uploads, Self::BuildCache, Self::Native];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Uploads => "uploads",
            Self::BuildCache => "build-cache",
            Self::Native => "native",
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 22] = [
        Self::Get,
        Self::Head,
        Self::Put,
        Self::Remove,
        Self::List,
        Self::Missing,
        Self::Pin,
        Self::Other,
        Self::Append,
        Self::Manage,
        Self::CacheGet,
        Self::CacheHead,
        Self::CachePut,
        Self::CacheRemove,
        Self::CacheOther,
        Self::NativeGet,
        Self::NativePut,
        Self::NativeHas,
        Self::NativeList,
        Self::NativeRemove,
        Self::NativeUploads,
        Self::NativeOther,
    ];

    pub(crate) fn door(self) -> Door {
        match self {
            Self::Get
            | Self::Head
            | Self::Put
            | Self::Remove
            | Self::List
            | Self::Missing
            | Self::Pin
            | Self::Other => Door::Blobs,
            Self::Append | Self::Manage => Door::Uploads,
            Self::CacheGet | Self::CacheHead | Self::CachePut | Self::CacheRemove | Self::CacheOther => {
                Door::BuildCache
            }
            Self::NativeGet
            | Self::NativePut
            | Self::NativeHas
            | Self::NativeList
            | Self::NativeRemove
            | Self::NativeUploads
            | Self::NativeOther => Door::Native,
        }
    }

    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Get | Self::CacheGet | Self::NativeGet => "get",
            Self::Put | Self::CachePut | Self::NativePut => "put",
            Self::Head | Self::CacheHead => "head",
            Self::Missing => "missing",
            Self::NativeHas => "has",
            Self::Remove | Self::CacheRemove | Self::NativeRemove => "remove",
            Self::List | Self::NativeList => "list",
            Self::Pin => "pin",
            Self::Append => "append",
            Self::Manage => "manage",
            Self::NativeUploads => "uploads",
            Self::Other | Self::CacheOther | Self::NativeOther => "other",
        }
    }
}

impl Verdict {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ok, Self::Absent, Self::Refused, Self::Busy, Self::Failed, Self::Gone];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "absent",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }

    /// Whose fault it is.
    fn blame(self) -> &'static str {
        match self {
            Self::Ok | Self::Absent => "nobody",
            Self::Refused | Self::Gone => "peer",
            Self::Busy | Self::Failed => "server",
        }
    }
}

impl Who {
    /// Somebody who was not let in.
    pub(crate) fn stranger(peer: Peer) -> Self {
        Self { peer, connection: 0, request_count: 0 }
    }

    /// Counts a request, and gives it its name.
    pub(crate) fn next_request(&mut self) -> RequestId {
        self.request_count += 1;
        RequestId { connection: self.connection, request: self.request_count }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => address.fmt(f),
            Self::Local => f.write_str("local"),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.connection, self.request)
    }
}

impl Asked {
    pub(crate) fn new(who: &mut Who, kind: Kind, digest: Option<Digest>) -> Self {
        let (id, peer) = (who.next_request(), who.peer);
        Self { id, peer, kind, digest, began: Instant::now(), is_answered: false }
    }

    /// Says for whom it is what is written down meanwhile, by workers as well.
    pub(crate) fn span(&self) -> Span {
        tracing::info_span!("request", id = %self.id)
    }

    /// It came to its end. `status` is that of HTTP, and `len` how many bytes of blobs were sent or received for it.
    pub(crate) fn answered(&mut self, verdict: Verdict, status: Option<u16>, len: u64) {
        self.is_answered = true;
        let time = self.began.elapsed();
        METRICS.answered(self.kind, verdict, time);
        if is_logged() {
            log(self.id, self.peer, self.kind, self.digest, verdict, status, len, time);
        }
    }

    /// The connection ends, and with it the request, unless that was answered.
    pub(crate) fn broke_off(&mut self, close: &Close) {
        let verdict = match close {
            Close::Fault(_) | Close::Bug => Verdict::Failed,
            Close::Protocol(_) => Verdict::Refused,
            Close::Clean | Close::PeerGone(_) | Close::Deadline(_) => Verdict::Gone,
        };
        if !self.is_answered {
            self.answered(verdict, None, 0);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Nobody waited for its end: the server cuts connections off when it stops.
        if !self.is_answered {
            self.answered(Verdict::Failed, None, 0);
        }
    }
}

/// Replies from memory that leave together: counted and written down as one look at the clock for all of them.
#[derive(Debug)]
pub(crate) struct Together {
    kind: Kind,
    began: Instant,
    count: usize,
    len: u64,
}

impl Together {
    /// Of requests of this kind.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, began: Instant::now(), count: 0, len: 0 }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// One more, of so many bytes.
    pub(crate) fn add(&mut self, who: &mut Who, digest: Digest, len: u64) {
        self.count += 1;
        self.len += len;
        let id = who.next_request();
        if is_logged() {
            let (verdict, time) = (Verdict::Ok, self.began.elapsed());
            log(id, who.peer, self.kind, Some(digest), verdict, Some(200), len, time);
        }
    }

    /// They were given to the kernel, or to the queue of a peer that reads slowly.
    pub(crate) fn answered(self) {
        METRICS.answered_alike(self.kind, Verdict::Ok, self.began.elapsed(), self.count);
        METRICS.sent_from_memory(self.kind.door(), self.len);
    }
}

fn is_logged() -> bool {
    tracing::enabled!(target: ACCESS_LOG, tracing::Level::INFO)
}

#[expect(clippy::too_many_arguments, reason = "a line of the access log has so many columns")]
fn log(
    request: RequestId,
    peer: Peer,
    kind: Kind,
    digest: Option<Digest>,
    verdict: Verdict,
    status: Option<u16>,
    len: u64,
    time: Duration,
) {
    // Whole microseconds: more digits would say nothing.
    let milliseconds = time.as_micros() as f64 / 1e3;
    tracing::info!(
        target: ACCESS_LOG,
        parent: None,
        %request, %peer, door = kind.door().name(), verb = kind.verb(), digest = digest.map(tracing::field::display), status,
        bytes = len, milliseconds, outcome = verdict.name(), blame = verdict.blame(), "answered"
    );
}

/// The target of the lines of the access log, by which they can be switched off.
pub const ACCESS_LOG: &str = "aqueduct::access";
