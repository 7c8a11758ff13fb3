//! The uploads door: `/uploads` and what is below, where blobs come in pieces as tus 1.0.0 has it, with its extensions
//! creation, expiration and termination.

mod answer;

use std::fmt;
use std::time::SystemTime;

use aqueduct_blob::{Algorithm, Digest, UploadId};
use aqueduct_store::Published;
use aqueduct_wire::http1::{
    Framing, RequestHead, TUS_VERSION, is_offset_octets, parse_upload_count, parse_upload_metadata,
};
use http::Method;

use super::blobs::{digest, has_length, no_such_path, not_allowed};
use super::{Name, Refusal, below};

pub(super) use answer::answer;

/// What a peer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadIntent {
    /// What is spoken here.
    Offer,
    /// To begin an upload.
    Begin { size: u64, name: Name },
    /// How far one is.
    Look(Place),
    /// To take the body for what comes next of one.
    Append { place: Place, offset: u64 },
    /// To take one away.
    Drop(Place),
}

/// Where an upload is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under its id.
    Id(UploadId),
    /// Its blob was here before it began: nothing has to be sent, so nothing has to be kept.
    Blob(Digest),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum UploadOutcome {
    Offer {
        /// The largest upload that is taken, in bytes.
        size_max: u64,
    },
    Begun {
        place: Place,
        progress: Progress,
        expires: Option<SystemTime>,
    },
    At(Progress),
    Appended {
        progress: Progress,
        /// Until when what is here is kept. `None` where there is nothing to keep, or nothing new.
        expires: Option<SystemTime>,
    },
    Dropped,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Open {
        offset: u64,
        size: u64,
        /// What its blob will be, if the peer said so.
        digest: Option<Digest>,
    },
    Stored(Published),
}

/// What a head asks of this door; `None` if its path is of another.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<UploadIntent, Refusal>> {
    below(path, ROOT).map(|name| upload_intent(head, name))
}

fn upload_intent(head: &RequestHead<'_>, name: &str) -> Result<UploadIntent, Refusal> {
    if name.is_empty() {
        return match head.method {
            Method::OPTIONS => Ok(UploadIntent::Offer),
            Method::POST => begin(head),
            _ => Err(not_allowed(head, "OPTIONS, POST")),
        };
    }
    match head.method {
        Method::OPTIONS => Ok(UploadIntent::Offer),
        Method::HEAD | Method::PATCH | Method::DELETE => {
            is_understood(head)?;
            let place = place(name).ok_or_else(|| no_such_path(head.path))?;
            match head.method {
                Method::HEAD => Ok(UploadIntent::Look(place)),
                Method::PATCH => append(head, place),
                _ => Ok(UploadIntent::Drop(place)),
            }
        }
        _ => Err(not_allowed(head, "OPTIONS, HEAD, PATCH, DELETE")),
    }
}

impl UploadIntent {
    /// The blob that may be here, and on which the answer depends.
    pub(crate) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Begin { name: Name::Given(digest), .. } => Some(*digest),
            Self::Look(Place::Blob(digest))
            | Self::Append { place: Place::Blob(digest), .. }
            | Self::Drop(Place::Blob(digest)) => Some(*digest),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Blob(digest) => digest.fmt(f),
        }
    }
}

fn begin(head: &RequestHead<'_>) -> Result<UploadIntent, Refusal> {
    is_understood(head)?;
    if head.fields.first("upload-defer-length").is_some() {
        return Err(bad_field("Upload-Defer-Length", "left out: how long it will be is said when it begins"));
    }
    if !matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Err(bad_field("Content-Length", "0 here: the bytes are sent with PATCH"));
    }
    Ok(UploadIntent::Begin { size: count(head, "Upload-Length")?, name: name(head)? })
}

/// The digest in the metadata; without one the server names the blob.
fn name(head: &RequestHead<'_>) -> Result<Name, Refusal> {
    let field = head.fields.only(METADATA).map_err(Refusal::BadHead)?.unwrap_or_default();
    let bad = || bad_field(METADATA, "pairs of a key and its value in Base64, no key twice");
    let pairs = parse_upload_metadata(field).ok_or_else(bad)?;
    match pairs.iter().find(|(key, _)| *key == DIGEST_KEY) {
        None => Ok(Name::Found(Algorithm::Sha256)),
        Some((_, value)) => Ok(Name::Given(digest(&String::from_utf8_lossy(value))?)),
    }
}

fn append(head: &RequestHead<'_>, place: Place) -> Result<UploadIntent, Refusal> {
    let content_type = head.fields.only("content-type").map_err(Refusal::BadHead)?;
    if !content_type.is_some_and(is_offset_octets) {
        return Err(Refusal::NotOffsetOctets);
    }
    let offset = count(head, "Upload-Offset")?;
    has_length(head)?;
    Ok(UploadIntent::Append { place, offset })
}

/// A peer that speaks another version means something else by the rest.
fn is_understood(head: &RequestHead<'_>) -> Result<(), Refusal> {
    let version = head.fields.only("tus-resumable").map_err(Refusal::BadHead)?;
    if version == Some(TUS_VERSION.as_bytes()) { Ok(()) } else { Err(Refusal::UnknownTusVersion) }
}

fn count(head: &RequestHead<'_>, name: &'static str) -> Result<u64, Refusal> {
    let value = head.fields.only(name).map_err(Refusal::BadHead)?;
    value.and_then(parse_upload_count).ok_or_else(|| bad_field(name, "there, and a number of bytes"))
}

fn place(name: &str) -> Option<Place> {
    let id = name.parse().map(Place::Id);
    id.ok().or_else(|| name.parse().map(Place::Blob).ok())
}

fn bad_field(name: &'static str, expected: &'static str) -> Refusal {
    Refusal::BadUploadField { name, expected }
}

const ROOT: &str = "/uploads";

const METADATA: &str = "Upload-Metadata";

/// The key of the metadata under which a peer says what the blob will be.
const DIGEST_KEY: &str = "digest";
