//! What became of an upload, as the head of a reply.

use std::time::SystemTime;

use aqueduct_blob::Digest;
use aqueduct_store::Published;
use aqueduct_wire::http1::{HeadWriter, TUS_VERSION, upload_metadata};
use http::StatusCode;

use super::{DIGEST_KEY, Progress, UploadOutcome};
use crate::door::answer::{Answer, Content};

pub(in crate::door) fn answer(outcome: &UploadOutcome) -> Answer {
    let head = match outcome {
        UploadOutcome::Offer { size_max } => HeadWriter::response(StatusCode::NO_CONTENT)
            .field("Tus-Version", TUS_VERSION)
            .field("Tus-Extension", EXTENSIONS)
            .field("Tus-Max-Size", size_max),
        UploadOutcome::Begun { place, progress, expires } => {
            let head = HeadWriter::response(StatusCode::CREATED)
                .field("Location", format_args!("/uploads/{place}"))
                .field("Content-Length", 0);
            let head = match progress {
                // Otherwise it would say that the body of the request was looked at, which is another extension.
                Progress::Stored(published) => head.field("Upload-Offset", published.size),
                Progress::Open { .. } => head,
            };
            expiring(head, *expires)
        }
        UploadOutcome::At(progress) => {
            let head = HeadWriter::response(StatusCode::OK)
                .field("Upload-Length", progress.size())
                .field("Cache-Control", "no-store")
                .field("Content-Length", 0);
            let head = match progress.digest() {
                Some(digest) => {
                    head.field("Upload-Metadata", upload_metadata(DIGEST_KEY, digest.to_string().as_bytes()))
                }
                None => head,
            };
            reached(head, progress)
        }
        UploadOutcome::Appended { progress, expires } => {
            expiring(reached(HeadWriter::response(StatusCode::NO_CONTENT), progress), *expires)
        }
        UploadOutcome::Dropped => HeadWriter::response(StatusCode::NO_CONTENT),
    };
    Answer { head, content: Content::Nothing }
}

impl Progress {
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Open { offset, .. } => *offset,
            Self::Stored(published) => published.size,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Open { size, .. } | Self::Stored(Published { size, .. }) => *size,
        }
    }

    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Open { digest, .. } => *digest,
            Self::Stored(published) => Some(published.digest),
        }
    }
}

/// How far it is, and where the blob is once there is one.
fn reached(head: HeadWriter, progress: &Progress) -> HeadWriter {
    let head = head.field("Upload-Offset", progress.offset());
    match progress {
        Progress::Stored(published) => head.field("Location", format_args!("/blobs/{}", published.digest)),
        Progress::Open { .. } => head,
    }
}

fn expiring(head: HeadWriter, expires: Option<SystemTime>) -> HeadWriter {
    match expires {
        Some(expires) => head.field("Upload-Expires", httpdate::fmt_http_date(expires)),
        None => head,
    }
}

const EXTENSIONS: &str = "creation,expiration,termination";
