//! What became of an intent, as the head of a reply and what follows it.

use std::ops::Range;

use aqueduct_blob::Digest;
use aqueduct_store::{Listed, Outcome as PublishOutcome, Published};
use aqueduct_wire::http1::{ContentRange, HeadWriter, Multipart, Ranges, TUS_VERSION, etag, repr_digest};
use http::StatusCode;
use serde_json::json;

use super::{Outcome, Refusal, build_cache, front, metrics, pins, ui, uploads};
use crate::asked::RequestId;

/// A reply, but for what depends on the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: HeadWriter,
    pub(crate) content: Content,
}

/// What follows the head.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Nothing,
    Text(Vec<u8>),
    /// Parts of the blob, with what goes between them.
    Pieces(Vec<Piece>),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Memory(Vec<u8>),
    Part(Range<u64>),
}

impl Content {
    /// How much of the blob it sends.
    pub(crate) fn part_len(&self) -> u64 {
        let Self::Pieces(pieces) = self else { return 0 };
        let len = |piece: &Piece| match piece {
            Piece::Memory(_) => 0,
            Piece::Part(range) => range.end - range.start,
        };
        pieces.iter().map(len).sum()
    }
}

impl Answer {
    /// What every answer of the uploads door says.
    pub(crate) fn in_tus(self) -> Self {
        Self { head: self.head.field("Tus-Resumable", TUS_VERSION), ..self }
    }
}

/// What every answer of a server has in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    /// Whether readers bring tokens, so that no cache on the way may answer others.
    pub(crate) is_private: bool,
    /// By what name the log knows the request.
    pub(crate) request: Option<RequestId>,
}

impl Voice {
    pub(crate) fn answer(self, outcome: &Outcome) -> Answer {
        match outcome {
            Outcome::Blob { digest, size, ranges } => self.blob(digest, *size, ranges),
            Outcome::Coded { digest, len } => self.coded(digest, *len),
            Outcome::NotModified { digest } => {
                let head = self.described(HeadWriter::response(StatusCode::NOT_MODIFIED), digest);
                Answer { head, content: Content::Nothing }
            }
            Outcome::Stored(published) => stored(published),
            Outcome::Removed => nothing(StatusCode::NO_CONTENT),
            Outcome::Listed { page, next } => {
                let blobs: Vec<_> = page.iter().map(listed).collect();
                json_text(
                    StatusCode::OK,
                    &json!({ "blobs": blobs, "next": next.map(|next| next.to_string()) }),
                )
            }
            Outcome::Missing(missing) => {
                let missing: Vec<_> = missing.iter().map(Digest::to_string).collect();
                json_text(StatusCode::OK, &json!({ "missing": missing }))
            }
            Outcome::Pins(outcome) => pins::answer(outcome),
            Outcome::Upload(outcome) => uploads::answer(outcome),
            Outcome::Entry(outcome) => build_cache::answer(outcome),
            Outcome::Healthy => text(StatusCode::OK, "text/plain; charset=utf-8", b"ok\n".to_vec()),
            Outcome::Metrics(page) => metrics::page(page),
            Outcome::Status(status) => json_text(StatusCode::OK, status),
            Outcome::Ui(part) => ui::answer(part),
            Outcome::Front { html, host } => front::page(*html, host),
            Outcome::Refused(refusal) => self.refused(refusal),
        }
    }

    fn blob(self, digest: &Digest, size: u64, ranges: &Ranges) -> Answer {
        let head = |status| self.described(HeadWriter::response(status), digest);
        match ranges {
            Ranges::Whole => Answer {
                head: served(head(StatusCode::OK), digest).field("Content-Length", size),
                content: Content::Pieces(vec![Piece::Part(0..size)]),
            },
            Ranges::One(range) => {
                let content_range = ContentRange { range: range.clone(), size: Some(size) };
                Answer {
                    head: served(head(StatusCode::PARTIAL_CONTENT), digest)
                        .field("Content-Range", content_range)
                        .field("Content-Length", range.end - range.start),
                    content: Content::Pieces(vec![Piece::Part(range.clone())]),
                }
            }
            Ranges::Many(ranges) => {
                let (pieces, len) = multipart(digest, size, ranges);
                Answer {
                    head: guarded(head(StatusCode::PARTIAL_CONTENT))
                        .field(
                            "Content-Type",
                            format_args!("multipart/byteranges; boundary={}", boundary(digest)),
                        )
                        .field("Content-Length", len),
                    content: Content::Pieces(pieces),
                }
            }
            Ranges::Unsatisfiable => self.refused(&Refusal::Unsatisfiable { digest: *digest, size }),
        }
    }

    /// A blob whose bytes are coded: those have no name that is sure to stay theirs, so the tag is weak (RFC 9110 section 8.8.3.3),
    /// and there is no digest of them, nor are there ranges.
    fn coded(self, digest: &Digest, len: Option<u64>) -> Answer {
        let head = served(HeadWriter::response(StatusCode::OK), digest)
            .field("ETag", format_args!("W/{}", etag(digest)))
            .field("Cache-Control", self.kept())
            .field("Content-Encoding", "zstd")
            .field("Vary", "Accept-Encoding");
        let head = match len {
            Some(len) => head.field("Content-Length", len),
            None => head.field("Transfer-Encoding", "chunked"),
        };
        Answer { head, content: Content::Nothing }
    }

    /// It never changes, so nobody need ever ask again.
    fn kept(self) -> &'static str {
        if self.is_private {
            "private, max-age=31536000, immutable"
        } else {
            "public, max-age=31536000, immutable"
        }
    }

    fn refused(self, refusal: &Refusal) -> Answer {
        let mut problem = refusal.problem();
        let named = self.request.filter(|_| refusal.is_to_one_let_in());
        problem.members.extend(named.map(|request| ("request", json!(request.to_string()))));
        let mut answer = text(problem.status, "application/problem+json", problem.json());
        answer.head = match refusal {
            Refusal::NeedsToken { .. } => CHALLENGES
                .iter()
                .fold(answer.head, |head, challenge| head.field("WWW-Authenticate", challenge)),
            Refusal::MethodNotAllowed { allow, .. } => answer.head.field("Allow", allow),
            Refusal::Unsatisfiable { size, .. } => {
                answer.head.field("Content-Range", ContentRange::unsatisfied(*size))
            }
            Refusal::UnknownTusVersion => answer.head.field("Tus-Version", TUS_VERSION),
            Refusal::WrongOffset { offset } => answer.head.field("Upload-Offset", offset),
            _ => answer.head,
        };
        if let Some(seconds) = problem.retry_after {
            answer.head = answer.head.field("Retry-After", seconds);
        }
        answer
    }

    /// What is true of a blob in every answer about it.
    fn described(self, head: HeadWriter, digest: &Digest) -> HeadWriter {
        let head = head
            .field("ETag", etag(digest))
            .field("Cache-Control", self.kept())
            .field("Accept-Ranges", "bytes");
        match repr_digest(digest) {
            Some(repr_digest) => head.field("Repr-Digest", repr_digest),
            None => head,
        }
    }
}

/// Whatever a blob holds, a browser shall neither guess what it is nor run it.
pub(super) fn guarded(head: HeadWriter) -> HeadWriter {
    head.field("X-Content-Type-Options", "nosniff")
        .field("Content-Security-Policy", "sandbox; default-src 'none'")
}

/// A colon in a file's name is taken for the end of a host's name by scp(1) and rsync(1).
fn served(head: HeadWriter, digest: &Digest) -> HeadWriter {
    let (algorithm, hex) = (digest.algorithm(), digest.hex());
    guarded(head)
        .field("Content-Type", BLOB_TYPE)
        .field("Content-Disposition", format_args!("attachment; filename=\"{algorithm}-{hex}\""))
}

/// Returns the pieces and their total length.
fn multipart(digest: &Digest, size: u64, ranges: &[Range<u64>]) -> (Vec<Piece>, u64) {
    let Multipart { parts, end, len } = Multipart::new(ranges, size, BLOB_TYPE, &boundary(digest));
    let pieces = parts.into_iter().flat_map(|(head, range)| [Piece::Memory(head), Piece::Part(range)]);
    (pieces.chain([Piece::Memory(end)]).collect(), len)
}

/// A blob that contained this would contain a part of its own digest: nobody can make one.
fn boundary(digest: &Digest) -> String {
    format!("aqueduct-{}", &digest.hex()[..32])
}

fn stored(published: &Published) -> Answer {
    let Published { digest, size, outcome } = published;
    let status = match outcome {
        PublishOutcome::New => StatusCode::CREATED,
        PublishOutcome::AlreadyPresent => StatusCode::OK,
    };
    let answer = json_text(status, &json!({ "digest": digest.to_string(), "size": size }));
    Answer { head: answer.head.field("Location", format_args!("/blobs/{digest}")), ..answer }
}

fn listed(listed: &Listed) -> serde_json::Value {
    json!({ "digest": listed.digest.to_string(), "size": listed.size, "published": listed.published })
}

pub(super) fn nothing(status: StatusCode) -> Answer {
    Answer { head: HeadWriter::response(status), content: Content::Nothing }
}

pub(super) fn json_text(status: StatusCode, value: &serde_json::Value) -> Answer {
    text(status, "application/json", format!("{value}\n").into_bytes())
}

/// Text that is true now and may not be the next time.
pub(super) fn text(status: StatusCode, content_type: &str, text: Vec<u8>) -> Answer {
    let head = guarded(HeadWriter::response(status))
        .field("Content-Type", content_type)
        .field("Cache-Control", "no-store")
        .field("Content-Length", text.len());
    Answer { head, content: Content::Text(text) }
}

const BLOB_TYPE: &str = "application/octet-stream";

/// A field each: Chromium looks at the first of those that share one, and would ask nobody for a password.
const CHALLENGES: &[&str] = &["Bearer realm=\"aqueduct\"", "Basic realm=\"aqueduct\", charset=\"UTF-8\""];
