//! The fields of tus 1.0.0, resumable uploads over HTTP.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::grammar::decimal;

/// The version of the protocol that is meant here.
pub const TUS_VERSION: &str = "1.0.0";

/// The type of a body that is bytes of an upload.
pub const OFFSET_OCTETS: &str = "application/offset+octet-stream";

/// Reads `Upload-Length` or `Upload-Offset`: digits alone. `None` for anything else.
pub fn parse_upload_count(value: &[u8]) -> Option<u64> {
    decimal(value)
}

/// Whether a `Content-Type` is that of an upload's bytes. RFC 9110 section 8.3.1: in whatever case, and parameters do not
/// count.
pub fn is_offset_octets(content_type: &[u8]) -> bool {
    let essence = content_type.split(|&byte| byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(OFFSET_OCTETS.as_bytes())
}

/// Reads `Upload-Metadata`: the pairs in their order. `None` if it is malformed, or says a key twice.
///
/// Pairs are parted by commas, a key and its Base64 value by a space; a key alone has an empty value. No pair at all is
/// well-formed: there are clients that always send the field.
pub fn parse_upload_metadata(value: &[u8]) -> Option<Vec<(&str, Vec<u8>)>> {
    let text = str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let mut pairs = Vec::new();
    if text.is_empty() {
        return Some(pairs);
    }
    let mut keys = HashSet::new();
    for pair in text.split(',') {
        // The list is a field's value, so there may be white space around its commas.
        let pair = pair.trim_matches([' ', '\t']);
        let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key || !keys.insert(key) {
            return None;
        }
        pairs.push((key, BASE64_STANDARD.decode(encoded).ok()?));
    }
    Some(pairs)
}

/// One pair of `Upload-Metadata`, as it is written.
pub fn upload_metadata(key: &str, value: &[u8]) -> String {
    format!("{key} {}", BASE64_STANDARD.encode(value))
}

#[cfg(test)]
mod tests;
