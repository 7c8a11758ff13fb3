//! Parts of messages that several have: from protobuf to values, and back.

use std::ops::Range;

use aqueduct_blob::{Algorithm, Digest, UploadId};

use super::limits::{DIGEST_COUNT_MAX, ENTRY_COUNT_MAX, RANGE_COUNT_MAX, STRING_LEN_MAX};
use super::{Code, messages};

/// Why a message is not what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) code: Code,
    pub(super) why: &'static str,
}

impl Bad {
    pub(super) const fn message(why: &'static str) -> Self {
        Self { code: Code::BadMessage, why }
    }

    /// For a message that nothing is known of.
    pub(super) const UNKNOWN: Self =
        Self { code: Code::UnknownMessage, why: "this message is not known here" };
}

pub(super) fn algorithm(number: i32) -> Result<Algorithm, Bad> {
    match number {
        SHA256 => Ok(Algorithm::Sha256),
        BLAKE3 => Ok(Algorithm::Blake3),
        _ => Err(Bad { code: Code::BadAlgorithm, why: "the algorithm is 1 for SHA-256 or 2 for BLAKE3" }),
    }
}

pub(super) const fn algorithm_number(algorithm: Algorithm) -> i32 {
    match algorithm {
        Algorithm::Sha256 => SHA256,
        Algorithm::Blake3 => BLAKE3,
    }
}

/// A digest that has to be there.
pub(super) fn digest(message: Option<messages::Digest>) -> Result<Digest, Bad> {
    digest_if_any(message)?.ok_or(Bad { code: Code::BadDigest, why: "there is no digest" })
}

pub(super) fn digest_if_any(message: Option<messages::Digest>) -> Result<Option<Digest>, Bad> {
    let Some(message) = message else { return Ok(None) };
    let algorithm = algorithm(message.algorithm)?;
    let value = message.value.as_slice().try_into();
    let value = value.map_err(|_| Bad { code: Code::BadDigest, why: "a digest has 32 bytes" })?;
    Ok(Some(Digest::new(algorithm, value)))
}

pub(super) fn digest_message(digest: &Digest) -> messages::Digest {
    messages::Digest { algorithm: algorithm_number(digest.algorithm()), value: digest.as_bytes().to_vec() }
}

/// The digests of a `Has`.
pub(super) fn digests(message: &messages::Has) -> Result<Vec<Digest>, Bad> {
    let algorithm = algorithm(message.algorithm)?;
    let values = split(&message.digests)
        .ok_or(Bad { code: Code::BadDigest, why: "the digests are not 32 bytes each" })?;
    if values.len() > DIGEST_COUNT_MAX {
        return Err(Bad::message("there are more digests than one message may have"));
    }
    Ok(values.iter().map(|&value| Digest::new(algorithm, value)).collect())
}

/// The index of the first entry, and all entries. The last one's index fits in a `u64`.
pub(super) fn checkpoints(message: &messages::Checkpoints) -> Result<(u64, Vec<[u8; 32]>), Bad> {
    let entries = split(&message.entries).ok_or(Bad::message("the entries are not 32 bytes each"))?;
    if entries.len() > ENTRY_COUNT_MAX {
        return Err(Bad::message("there are more entries than one message may have"));
    }
    if message.first.checked_add(entries.len() as u64).is_none() {
        return Err(Bad::message("no list has entries that far"));
    }
    Ok((message.first, entries.to_vec()))
}

/// An id that has to be there.
pub(super) fn upload_id(bytes: &[u8]) -> Result<UploadId, Bad> {
    upload_id_if_any(bytes)?.ok_or(Bad::message("there is no upload id"))
}

pub(super) fn upload_id_if_any(bytes: &[u8]) -> Result<Option<UploadId>, Bad> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id = bytes.try_into().map_err(|_| Bad::message("an upload id has 16 bytes"))?;
    Ok(Some(UploadId::new(id)))
}

pub(super) fn upload_id_bytes(id: Option<UploadId>) -> Vec<u8> {
    id.map_or_else(Vec::new, |id| id.as_bytes().to_vec())
}

/// Ranges in ascending order, none empty, none overlapping another. Neighbours may touch.
pub(super) fn ranges(messages: &[messages::Range]) -> Result<Vec<Range<u64>>, Bad> {
    let bad = |why| Bad { code: Code::BadRange, why };
    let mut ranges: Vec<Range<u64>> = Vec::with_capacity(messages.len());
    for message in messages {
        let end =
            message.offset.checked_add(message.len).ok_or(bad("a range ends past the largest offset"))?;
        if message.len == 0 {
            return Err(bad("a range is empty"));
        }
        if ranges.last().is_some_and(|before| message.offset < before.end) {
            return Err(bad("ranges overlap, or are not in ascending order"));
        }
        ranges.push(message.offset..end);
    }
    Ok(ranges)
}

/// As [`ranges`], and not more than anybody may ask for.
pub(super) fn asked_ranges(messages: &[messages::Range]) -> Result<Vec<Range<u64>>, Bad> {
    if messages.len() > RANGE_COUNT_MAX {
        return Err(Bad { code: Code::BadRange, why: "there are more ranges than one message may have" });
    }
    ranges(messages)
}

pub(super) fn range_messages(ranges: &[Range<u64>]) -> Vec<messages::Range> {
    let message = |range: &Range<u64>| messages::Range { offset: range.start, len: range.end - range.start };
    ranges.iter().map(message).collect()
}

/// The most that a list may give, of which 0 says that it does not matter.
pub(super) fn list_limit(limit: u32, most: usize) -> usize {
    match usize::try_from(limit) {
        Ok(limit @ 1..) => limit.min(most),
        _ => most,
    }
}

pub(super) fn text(text: String) -> Result<String, Bad> {
    if text.len() > STRING_LEN_MAX {
        return Err(Bad::message("a text is too long"));
    }
    Ok(text)
}

/// As much of an explanation as may be said.
pub(super) fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(STRING_LEN_MAX)].to_owned()
}

/// `None` if something is left over.
fn split(bytes: &[u8]) -> Option<&[[u8; 32]]> {
    let (whole, rest) = bytes.as_chunks();
    rest.is_empty().then_some(whole)
}

const SHA256: i32 = 1;
const BLAKE3: i32 = 2;
