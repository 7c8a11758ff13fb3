//! The build-cache door: what Bazel, ccache, sccache, moon, Gradle, Turborepo and Nx ask of an HTTP server. The shape of the path
//! tells the dialect ([`CachePath`]). Blobs in `cas/` are blobs like all others; everything else is an entry, which leads to one.

mod answer;
mod coding;
mod query;

use aqueduct_blob::Digest;
use aqueduct_store::{Entry, EntryOutcome as PutOutcome, FIELD_LEN_MAX, Key, Overwrite};
use aqueduct_wire::build_cache::{ActionForm, CachePath, parse_path};
use aqueduct_wire::http1::{RequestHead, query_pairs};
use http::Method;

use super::blobs::{blob, has_length, no_such_path, not_allowed};
use super::entries::EntryPage;
use super::{Intent, Outcome, Refusal, ZstdBody};
use crate::asked::Door;
use crate::tokens::Right;

pub(super) use answer::answer;
pub(crate) use query::parse_hashes;

/// What is asked about entries.
#[derive(Debug, PartialEq)]
pub(crate) enum EntryIntent {
    /// What an entry leads to.
    Find(Key),
    /// To take the body for the value of an entry.
    Put(Box<EntryPut>),
    Remove(Key),
    /// A page of the list of entries.
    List(EntryPage),
    /// Which of the artifacts in the body there are.
    Query {
        namespace: String,
    },
    /// Something that is answered the same every time.
    Courtesy(Courtesy),
}

impl EntryIntent {
    /// What it takes to be heard.
    pub(super) fn right(&self) -> Right {
        match self {
            // Whoever only reads tells what it found, too.
            Self::Courtesy(Courtesy::MadeCollection) | Self::Put(_) | Self::Remove(_) => Right::Write,
            Self::Find(_) | Self::List(_) | Self::Query { .. } | Self::Courtesy(_) => Right::Read,
        }
    }
}

/// An entry that is to be put, but for its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EntryPut {
    pub(crate) key: Key,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) shape: Shape,
    pub(crate) overwrite: Overwrite,
    pub(crate) manner: Manner,
    pub(crate) coding: Option<ZstdBody>,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Whatever it is.
    Opaque,
    /// The result of an action, which means nothing without the blobs that it refers to.
    Action(ActionForm),
}

/// How a client wants to hear that its entry is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As HTTP has it.
    Plain,
    /// With 200, whether it is new or not.
    Nx,
    /// With a list of places.
    Turbo,
}

impl Manner {
    /// What a client is told that takes some answers for a reason to fail. Nx fails a build whose results its cache cannot keep,
    /// unless it hears that it may not write.
    pub(crate) fn told(self, outcome: Outcome) -> Outcome {
        match (self, outcome) {
            (Self::Nx, Outcome::Refused(refusal)) if refusal.is_of_the_store() => {
                Outcome::Refused(Refusal::NotKept(Box::new(refusal)))
            }
            (_, outcome) => outcome,
        }
    }
}

/// What somebody is told who looks for an entry, and cannot be told whether it is there. Nx fails its build for that, and goes on
/// where there is nothing.
pub(crate) fn told_to_reader(key: &Key, refusal: Refusal) -> Refusal {
    if key.namespace() == NX && refusal.is_of_the_store() { Refusal::NoSuchEntry } else { refusal }
}

/// What is answered the same every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Courtesy {
    /// There is a collection at every path that ends in a slash.
    Collection,
    /// Nobody need make one, and whoever does succeeds.
    MadeCollection,
    /// Artifacts are kept here.
    Enabled,
    /// What happened elsewhere was heard.
    Heard,
}

/// What became of an intent.
#[derive(Debug)]
pub(crate) enum EntryOutcome {
    /// It is here, and leads to a blob that was found.
    Found {
        fields: Vec<(String, String)>,
        value: Digest,
        size: u64,
    },
    Put(PutOutcome, Manner),
    /// A page of the list, as it is told.
    Listed(String),
    Queried(Vec<(String, Option<Entry>)>),
    Courtesy(Courtesy),
}

/// What a method of WebDAV asks, whatever the path: where a client wants a collection, there is one.
pub(super) fn dav_intent(method: &Method) -> Option<Intent> {
    match method.as_str() {
        PROPFIND => Some(courtesy(Courtesy::Collection)),
        MKCOL => Some(courtesy(Courtesy::MadeCollection)),
        _ => None,
    }
}

/// What a head asks of this door; `None` if its path is of another.
pub(super) fn intent(head: &RequestHead<'_>, path: &str) -> Option<Result<Intent, Refusal>> {
    match parse_path(path) {
        Ok(None) => None,
        Ok(Some(place)) => Some(intent_at(head, place)),
        Err(error) => Some(Err(Refusal::BadCachePath { path: path.to_owned(), error })),
    }
}

fn intent_at(head: &RequestHead<'_>, place: CachePath) -> Result<Intent, Refusal> {
    let plain = |namespace: &str, key: &str| {
        entry(head, namespace, key, Shape::Opaque, Overwrite::Replace, Manner::Plain)
    };
    match place {
        CachePath::Cas { digest } => match head.method {
            Method::GET | Method::HEAD | Method::PUT => {
                coding::negotiated(head, blob(head, digest, Door::BuildCache)?)
            }
            _ => Err(not_allowed(head, "GET, HEAD, PUT")),
        },
        CachePath::Action { namespace, key } => {
            let form = if is_json(head.fields.first("content-type")) {
                ActionForm::Json
            } else {
                ActionForm::Binary
            };
            let mut intent =
                entry(head, &namespace, &key, Shape::Action(form), Overwrite::Replace, Manner::Plain)?;
            if let (Intent::Entry(EntryIntent::Put(put)), ActionForm::Json) = (&mut intent, form) {
                put.fields.push((CONTENT_TYPE.to_owned(), JSON.to_owned()));
            }
            Ok(intent)
        }
        CachePath::Ccache { namespace, key }
        | CachePath::WebDav { namespace, key }
        | CachePath::Gradle { namespace, key } => plain(&namespace, &key),
        CachePath::Collection => Err(no_such_path(head.path)),
        CachePath::Nx { key } => entry(head, NX, &key, Shape::Opaque, Overwrite::Keep, Manner::Nx),
        CachePath::TurboArtifact { key } => {
            let namespace = turbo_namespace(head)?;
            let mut intent = entry(head, &namespace, &key, Shape::Opaque, Overwrite::Replace, Manner::Turbo)?;
            if let Intent::Entry(EntryIntent::Put(put)) = &mut intent {
                put.fields = turbo_fields(head)?;
            }
            Ok(intent)
        }
        CachePath::TurboStatus => match head.method {
            Method::GET | Method::HEAD => Ok(courtesy(Courtesy::Enabled)),
            _ => Err(not_allowed(head, "GET, HEAD")),
        },
        CachePath::TurboEvents => match head.method {
            Method::POST => Ok(courtesy(Courtesy::Heard)),
            _ => Err(not_allowed(head, "POST")),
        },
        CachePath::TurboQuery => match head.method {
            Method::POST => Ok(Intent::Entry(EntryIntent::Query { namespace: turbo_namespace(head)? })),
            _ => Err(not_allowed(head, "POST")),
        },
    }
}

/// What is asked of one entry.
fn entry(
    head: &RequestHead<'_>,
    namespace: &str,
    key: &str,
    shape: Shape,
    overwrite: Overwrite,
    manner: Manner,
) -> Result<Intent, Refusal> {
    let key = entry_key(namespace, key)?;
    Ok(Intent::Entry(match head.method {
        Method::GET | Method::HEAD => EntryIntent::Find(key),
        Method::DELETE => EntryIntent::Remove(key),
        Method::PUT => {
            has_length(head)?;
            // RFC 9110 section 14.5: a part must not be taken for the whole.
            if head.fields.first("content-range").is_some() {
                return Err(Refusal::PartOfBlob);
            }
            let coding = coding::of_body(head)?;
            // Nobody looks into such a value, and whoever gets it would not be told how it is coded.
            if coding.is_some() && shape == Shape::Opaque {
                return Err(Refusal::UnknownCoding);
            }
            let fields = Vec::new();
            EntryIntent::Put(Box::new(EntryPut { key, fields, shape, overwrite, manner, coding }))
        }
        _ => return Err(not_allowed(head, "GET, HEAD, PUT, DELETE")),
    }))
}

/// Whose artifacts they are: a team is named by either parameter (vercel.com/docs/rest-api, artifacts).
fn turbo_namespace(head: &RequestHead<'_>) -> Result<String, Refusal> {
    let mut pairs = query_pairs(head.query.unwrap_or_default());
    let team = pairs.find(|(name, value)| (name == "teamId" || name == "slug") && !value.is_empty());
    let namespace = team.map_or_else(|| TURBO.to_owned(), |(_, team)| format!("{TURBO}/{team}"));
    entry_key(&namespace, "key").map(|_| namespace)
}

/// What comes back with an artifact as it came: how long the task took, a signature, and what it was made from.
fn turbo_fields(head: &RequestHead<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let mut fields = Vec::new();
    for name in ARTIFACT_FIELDS {
        let Some(value) = head.fields.first(name) else { continue };
        let is_plain = name.len() + value.len() <= FIELD_LEN_MAX
            && value.iter().all(|byte| (b' '..=b'~').contains(byte));
        let text = std::str::from_utf8(value).ok().filter(|_| is_plain);
        let text = text.ok_or(Refusal::BadEntryField { name })?;
        fields.push(((*name).to_owned(), text.to_owned()));
    }
    Ok(fields)
}

pub(super) fn entry_key(namespace: &str, key: &str) -> Result<Key, Refusal> {
    Key::new(namespace, key).map_err(|error| Refusal::BadKey { detail: error.to_string() })
}

fn courtesy(courtesy: Courtesy) -> Intent {
    Intent::Entry(EntryIntent::Courtesy(courtesy))
}

fn is_json(content_type: Option<&[u8]>) -> bool {
    let essence = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(JSON.as_bytes()))
}

/// The methods of WebDAV that are answered (RFC 4918 sections 9.1 and 9.3).
const PROPFIND: &str = "PROPFIND";
const MKCOL: &str = "MKCOL";

const TURBO: &str = "turbo";
const NX: &str = "nx";

/// Fields that come back with an entry.
const CONTENT_TYPE: &str = "content-type";
const ARTIFACT_DURATION: &str = "x-artifact-duration";
const ARTIFACT_TAG: &str = "x-artifact-tag";
const ARTIFACT_FIELDS: &[&str] =
    &[ARTIFACT_DURATION, ARTIFACT_TAG, "x-artifact-sha", "x-artifact-dirty-hash"];

const JSON: &str = "application/json";

#[cfg(test)]
mod tests;
