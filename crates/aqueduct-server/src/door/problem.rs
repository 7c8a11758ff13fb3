//! What a peer is told when it does not get what it asked for: RFC 9457 problem details. The one place that knows which
//! failure is which status.

use aqueduct_blob::{Digest, DigestParseError};
use aqueduct_wire::build_cache::{BadActionResult, BadPath};
use aqueduct_wire::http1::{ChunkError, HeadError, OFFSET_OCTETS, TUS_VERSION};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::coding::BadCoding;
use crate::tokens::Right;

/// Why a request is not answered as it wished.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    // The peer's mistakes.
    BadHead(HeadError),
    BadChunk(ChunkError),
    BadDigest {
        text: String,
        error: DigestParseError,
    },
    BadQuery {
        name: String,
        value: String,
        expected: &'static str,
    },
    BadBody {
        detail: String,
    },
    TooManyDigests {
        count: usize,
        limit: usize,
    },
    NoSuchPath {
        path: String,
    },
    MethodNotAllowed {
        method: String,
        allow: &'static str,
    },
    NeedsLength,
    PartOfBlob,
    TooLarge {
        limit: u64,
    },
    BadCachePath {
        path: String,
        error: BadPath,
    },
    BadKey {
        detail: String,
    },
    BadEntryField {
        name: &'static str,
    },
    NotAnActionResult {
        error: BadActionResult,
    },
    BadHashes {
        detail: String,
    },
    /// A body is coded in a way that is not known here.
    UnknownCoding,
    BadCoding(BadCoding),
    BadUploadField {
        name: &'static str,
        expected: &'static str,
    },
    NotOffsetOctets,
    UnknownTusVersion,
    WrongOffset {
        /// Where the upload is to be gone on with.
        offset: u64,
    },
    PastTheEnd {
        size: u64,
    },
    /// Answered with an alert of TLS, since nothing else would be understood.
    Tls,
    SlowHead,
    SlowBody,
    Mismatch {
        expected: Digest,
        actual: Digest,
    },
    // What it may not do.
    ForeignHost {
        host: String,
    },
    ForeignOrigin {
        origin: String,
    },
    NeedsToken {
        right: Right,
    },
    NeedsWriteToken,
    // What is or is not here.
    Absent {
        digest: Digest,
    },
    NoSuchEntry,
    /// There is another one, which stays.
    EntryExists,
    /// An entry is refused for this reason, to a client that would rather hear that it may not write.
    NotKept(Box<Self>),
    /// What an entry would refer to is not here.
    Incomplete {
        digest: Digest,
    },
    NoSuchUpload,
    NotPinned {
        digest: Digest,
    },
    TooManyPins {
        limit: usize,
    },
    /// Somebody else goes on with the upload, or it was dropped.
    TakenOver,
    PreconditionFailed {
        digest: Digest,
    },
    Unsatisfiable {
        digest: Digest,
        size: u64,
    },
    // Our own troubles.
    NoSpace,
    TooManyEntries {
        limit: u64,
    },
    TooManyUploads,
    TooManyConnections,
    /// More waits for workers than they do in a few seconds.
    Overloaded,
    ReadOnly,
    /// There are no descriptors, or there is no memory, for this moment.
    Short,
    Contended {
        digest: Digest,
    },
    Fault,
}

/// How a refusal is said.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The last part of the `type`, which never changes its meaning.
    pub(crate) name: &'static str,
    /// One sentence: what is wrong, and what to do.
    pub(crate) detail: String,
    /// The values that were wrong, by name.
    pub(crate) members: Vec<(&'static str, Value)>,
    /// Seconds after which it may be worth another try.
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    /// Whether it was said to somebody who may come in, and not before that was known.
    pub(crate) fn is_to_one_let_in(&self) -> bool {
        !matches!(
            self,
            Self::BadHead(_)
                | Self::SlowHead
                | Self::ForeignHost { .. }
                | Self::ForeignOrigin { .. }
                | Self::NeedsToken { .. }
        )
    }

    /// Whether it is the store that cannot, however the client asks: for want of room, of time, or of a disk.
    pub(crate) fn is_of_the_store(&self) -> bool {
        let status = self.problem().status;
        status.is_server_error() || status == StatusCode::PAYLOAD_TOO_LARGE
    }

    /// How it is said.
    pub(crate) fn problem(&self) -> Problem {
        let problem = |status, name, detail: String| Problem {
            status,
            name,
            detail,
            members: Vec::new(),
            retry_after: None,
        };
        match self {
            Self::BadHead(error) => {
                let (status, name) = head_status(*error);
                problem(status, name, error.to_string())
            }
            Self::BadChunk(error) => problem(StatusCode::BAD_REQUEST, "bad-chunk", error.to_string()),
            Self::BadDigest { text, error } => {
                let detail = format!(
                    "This is no digest: {error}. Write it as sha256:HEX or blake3:HEX, 64 hex digits."
                );
                problem(StatusCode::BAD_REQUEST, "bad-digest", detail).with("digest", shown(text))
            }
            Self::BadQuery { name, value, expected } => {
                let detail = format!("The query's \"{}\" must be {expected}.", shown(name));
                problem(StatusCode::BAD_REQUEST, "bad-query", detail)
                    .with("parameter", shown(name))
                    .with("value", shown(value))
            }
            Self::BadBody { detail } => {
                let detail = format!(
                    "The body cannot be used: {}. Send {{\"digests\": [\"sha256:...\"]}}.",
                    shown(detail)
                );
                problem(StatusCode::BAD_REQUEST, "bad-body", detail)
            }
            Self::TooManyDigests { count, limit } => {
                let detail = format!(
                    "{count} digests are more than the {limit} that one request may ask for; ask in parts."
                );
                problem(StatusCode::PAYLOAD_TOO_LARGE, "too-many-digests", detail)
                    .with("count", *count)
                    .with("limit", *limit)
            }
            Self::NoSuchPath { path } => {
                let detail = "There is nothing at this path; GET / says what there is.".to_owned();
                problem(StatusCode::NOT_FOUND, "no-such-path", detail).with("path", shown(path))
            }
            Self::MethodNotAllowed { method, allow } => {
                let detail = format!("This path answers to {allow}.");
                problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
                    .with("method", shown(method))
                    .with("allow", *allow)
            }
            Self::NeedsLength => {
                let detail = "There is no body; send one with Content-Length, which may be 0, or in chunks."
                    .to_owned();
                problem(StatusCode::LENGTH_REQUIRED, "needs-length", detail)
            }
            Self::PartOfBlob => {
                let detail = "A blob is sent whole; send it without Content-Range.".to_owned();
                problem(StatusCode::BAD_REQUEST, "part-of-blob", detail)
            }
            Self::TooLarge { limit } => {
                let detail = format!(
                    "The body is larger than the {limit} bytes that are taken here (--max-blob-size for blobs)."
                );
                problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).with("limit", *limit)
            }
            Self::BadCachePath { path, error } => {
                let detail = format!("This is no path of a build cache: {error}.");
                problem(StatusCode::BAD_REQUEST, "bad-cache-path", detail).with("path", shown(path))
            }
            Self::BadKey { detail } => {
                let detail = format!("Nothing can be kept under this key: {detail}.");
                problem(StatusCode::BAD_REQUEST, "bad-key", detail)
            }
            Self::BadEntryField { name } => {
                let detail = format!("The field {name} must be at most 1000 visible characters of ASCII.");
                problem(StatusCode::BAD_REQUEST, "bad-entry-field", detail).with("field", *name)
            }
            Self::NotAnActionResult { error } => {
                let detail = format!(
                    "The body is not the result of an action: {error}; nothing was stored. Other values belong under other paths."
                );
                problem(StatusCode::BAD_REQUEST, "not-an-action-result", detail)
            }
            Self::BadHashes { detail } => {
                let detail =
                    format!("The body cannot be used: {}. Send {{\"hashes\": [\"...\"]}}.", shown(detail));
                problem(StatusCode::BAD_REQUEST, "bad-hashes", detail)
            }
            Self::UnknownCoding => {
                let detail = "The body is coded in a way that is not known here; send it with Content-Encoding: zstd, or as it is.";
                problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown-coding", detail.to_owned())
            }
            Self::BadCoding(error) => {
                let detail = format!("The body cannot be decoded: {error}; nothing was stored.");
                problem(StatusCode::BAD_REQUEST, "bad-coding", detail)
            }
            Self::BadUploadField { name, expected } => {
                let detail = format!("The field {name} must be {expected}.");
                problem(StatusCode::BAD_REQUEST, "bad-upload-field", detail).with("field", *name)
            }
            Self::NotOffsetOctets => {
                let detail = format!("The bytes of an upload are sent with Content-Type: {OFFSET_OCTETS}.");
                problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-offset-octets", detail)
            }
            Self::UnknownTusVersion => {
                let detail = format!("Uploads are tus {TUS_VERSION}; send Tus-Resumable: {TUS_VERSION}.");
                problem(StatusCode::PRECONDITION_FAILED, "unknown-tus-version", detail)
            }
            Self::WrongOffset { offset } => {
                let detail = format!("The upload is to be gone on with at offset {offset}.");
                problem(StatusCode::CONFLICT, "wrong-offset", detail).with("offset", *offset)
            }
            Self::PastTheEnd { size } => {
                let detail = format!("The body reaches behind the {size} bytes that the upload was to have.");
                problem(StatusCode::PAYLOAD_TOO_LARGE, "past-the-end", detail).with("size", *size)
            }
            Self::Tls => {
                let detail = "There is no TLS here; use http instead of https.".to_owned();
                problem(StatusCode::BAD_REQUEST, "tls", detail)
            }
            Self::SlowHead => {
                let detail = "The head of the request did not arrive in time; send it at once.".to_owned();
                problem(StatusCode::REQUEST_TIMEOUT, "slow-head", detail)
            }
            Self::SlowBody => {
                let detail =
                    "The body arrived too slowly; send it again, or what is missing of an upload.".to_owned();
                problem(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
            }
            Self::Mismatch { expected, actual } => {
                let detail = "The bytes that arrived have another digest than the one that was given; nothing was stored. \
                              Check the source, then send it again.";
                problem(StatusCode::BAD_REQUEST, "digest-mismatch", detail.to_owned())
                    .with("expected", expected.to_string())
                    .with("actual", actual.to_string())
            }
            Self::ForeignHost { host } => {
                let detail = "This server does not answer to that name; use its address, or start it with --host NAME.";
                problem(StatusCode::MISDIRECTED_REQUEST, "foreign-host", detail.to_owned())
                    .with("host", shown(host))
            }
            Self::ForeignOrigin { origin } => {
                let detail = "Pages of another origin may not use this server.".to_owned();
                problem(StatusCode::FORBIDDEN, "foreign-origin", detail).with("origin", shown(origin))
            }
            Self::NeedsToken { right } => {
                let needed = match right {
                    Right::Read => "reads",
                    Right::Write => "writes",
                };
                let detail = format!(
                    "This needs a token that {needed}: send \"Authorization: Bearer TOKEN\", or the token as the password of Basic."
                );
                problem(StatusCode::UNAUTHORIZED, "needs-token", detail)
            }
            Self::NeedsWriteToken => {
                let detail = "This token may read, and this needs one that may write.".to_owned();
                problem(StatusCode::FORBIDDEN, "needs-write-token", detail)
            }
            Self::Absent { digest } => {
                let detail = "This blob is not here.".to_owned();
                problem(StatusCode::NOT_FOUND, "absent", detail).with("digest", digest.to_string())
            }
            Self::NoSuchEntry => {
                let detail = "There is nothing under this key, or not all that it refers to.".to_owned();
                problem(StatusCode::NOT_FOUND, "no-such-entry", detail)
            }
            Self::EntryExists => {
                let detail = "There is something under this key already, and it stays.".to_owned();
                problem(StatusCode::CONFLICT, "entry-exists", detail)
            }
            Self::NotKept(why) => Problem { status: StatusCode::FORBIDDEN, ..why.problem() },
            Self::Incomplete { digest } => {
                let detail = "A blob that this refers to is not here; send that first.".to_owned();
                problem(StatusCode::CONFLICT, "incomplete", detail).with("digest", digest.to_string())
            }
            Self::NoSuchUpload => {
                let detail =
                    "This upload is not here: it never was, or it expired or was dropped; begin another.";
                problem(StatusCode::NOT_FOUND, "no-such-upload", detail.to_owned())
            }
            Self::NotPinned { digest } => {
                let detail = "This name is not pinned.".to_owned();
                problem(StatusCode::NOT_FOUND, "not-pinned", detail).with("digest", digest.to_string())
            }
            Self::TooManyPins { limit } => {
                let detail = format!("There are {limit} pins already, and no more are kept; take some away.");
                problem(StatusCode::CONFLICT, "too-many-pins", detail).with("limit", *limit)
            }
            Self::TakenOver => {
                let detail = "Another request goes on with this upload, or has dropped it.".to_owned();
                problem(StatusCode::CONFLICT, "taken-over", detail)
            }
            Self::PreconditionFailed { digest } => {
                let detail = "The blob is not as If-Match or If-None-Match wants it.".to_owned();
                problem(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail)
                    .with("digest", digest.to_string())
            }
            Self::Unsatisfiable { digest, size } => {
                let detail = format!("The range begins behind the {size} bytes of this blob.");
                problem(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", detail)
                    .with("digest", digest.to_string())
                    .with("size", *size)
            }
            Self::NoSpace => {
                let detail = "There is no room in the store: its disk is full, or its limit is reached; nothing was stored.".to_owned();
                problem(StatusCode::INSUFFICIENT_STORAGE, "no-space", detail)
            }
            Self::TooManyEntries { limit } => {
                let detail = format!(
                    "There are {limit} keys, references or namespaces already, and no more are kept; remove some."
                );
                problem(StatusCode::INSUFFICIENT_STORAGE, "too-many-entries", detail).with("limit", *limit)
            }
            Self::TooManyUploads => {
                let detail = "There are as many uploads as this server takes; finish or drop some, or try again later.";
                problem(StatusCode::SERVICE_UNAVAILABLE, "too-many-uploads", detail.to_owned()).after(60)
            }
            Self::TooManyConnections => {
                let detail = "There are as many connections as this server takes, in all or from your address; close some, or \
                              try again in a moment.";
                problem(StatusCode::SERVICE_UNAVAILABLE, "too-many-connections", detail.to_owned()).after(2)
            }
            Self::Overloaded => {
                let detail =
                    "More waits for the disk than can be done in a moment; try again soon.".to_owned();
                problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).after(1)
            }
            Self::ReadOnly => {
                let detail = "The store takes no changes since its disk failed; it must be looked at and the server restarted.";
                problem(StatusCode::SERVICE_UNAVAILABLE, "read-only", detail.to_owned()).after(60)
            }
            Self::Short => {
                let detail =
                    "The server is short of descriptors or memory at this moment; try again.".to_owned();
                problem(StatusCode::SERVICE_UNAVAILABLE, "short-of-resources", detail).after(1)
            }
            Self::Contended { digest } => {
                let detail =
                    "The blob was removed again and again while it was stored; try again.".to_owned();
                problem(StatusCode::SERVICE_UNAVAILABLE, "contended", detail)
                    .with("digest", digest.to_string())
                    .after(1)
            }
            Self::Fault => {
                let detail = "The server could not do this; its log says why.".to_owned();
                problem(StatusCode::INTERNAL_SERVER_ERROR, "fault", detail)
            }
        }
    }
}

impl Problem {
    /// The body: RFC 9457 section 3.
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(format!("urn:aqueduct:problem:{}", self.name)));
        members.insert("title".to_owned(), json!(self.name.replace('-', " ")));
        members.insert("status".to_owned(), json!(self.status.as_u16()));
        members.insert("detail".to_owned(), json!(self.detail));
        members.extend(self.members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut text = Value::Object(members).to_string().into_bytes();
        text.push(b'\n');
        text
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

fn head_status(error: HeadError) -> (StatusCode, &'static str) {
    let bad = StatusCode::BAD_REQUEST;
    match error {
        HeadError::NotHttp => (bad, "not-http"),
        HeadError::BadRequestLine | HeadError::BadStatusLine => (bad, "bad-request-line"),
        HeadError::BadTarget => (bad, "bad-target"),
        HeadError::TargetTooLong => (StatusCode::URI_TOO_LONG, "target-too-long"),
        HeadError::UnsupportedVersion => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "unsupported-version"),
        HeadError::HeadTooLong => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-long"),
        HeadError::TooManyFields => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too-many-fields"),
        HeadError::BadField => (bad, "bad-field"),
        HeadError::BadLineEnd => (bad, "bad-line-end"),
        HeadError::MissingHost => (bad, "missing-host"),
        HeadError::RepeatedHost => (bad, "repeated-host"),
        HeadError::BadHost => (bad, "bad-host"),
        HeadError::RepeatedField => (bad, "repeated-field"),
        HeadError::LengthAndChunked => (bad, "length-and-chunked"),
        HeadError::RepeatedLength => (bad, "repeated-length"),
        HeadError::BadLength => (bad, "bad-length"),
        HeadError::UnknownTransferCoding => (StatusCode::NOT_IMPLEMENTED, "unknown-transfer-coding"),
        HeadError::ChunkedInHttp10 => (bad, "chunked-in-http10"),
        HeadError::UnknownExpectation => (StatusCode::EXPECTATION_FAILED, "unknown-expectation"),
    }
}

/// Enough of a peer's text to recognize it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_COUNT_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// A digest fits.
const SHOWN_COUNT_MAX: usize = 120;

#[cfg(test)]
mod tests;
