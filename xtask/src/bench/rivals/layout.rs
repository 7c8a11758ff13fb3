//! Where a server has a blob.

use anyhow::Result;

use super::library::Blob;
use crate::bench::stream::{Body, Stream};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `/blobs/DIGEST`
    Blobs,
    /// A file of the blob's own name.
    Files,
    /// As the protocol of registries has it.
    Registry,
}

impl Layout {
    /// Where a blob is to be had, below the server's address.
    pub(super) fn target(self, blob: &Blob) -> String {
        match self {
            Self::Blobs => format!("/blobs/{}", blob.digest),
            Self::Files => format!("/{}", blob.name),
            Self::Registry => format!("/v2/{REPOSITORY}/blobs/{}", blob.digest),
        }
    }

    /// Puts a blob there.
    pub(super) fn put(self, stream: &mut Stream, blob: &Blob, body: &Body<'_>) -> Result<()> {
        let target = match self {
            Self::Blobs | Self::Files => self.target(blob),
            Self::Registry => {
                let place = stream.post(&format!("/v2/{REPOSITORY}/blobs/uploads/"))?;
                let mark = if place.contains('?') { '&' } else { '?' };
                format!("{place}{mark}digest={}", blob.digest)
            }
        };
        stream.put(&target, body)
    }
}

const REPOSITORY: &str = "bench";
