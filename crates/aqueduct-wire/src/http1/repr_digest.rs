//! `Repr-Digest` (RFC 9530): a digest for those who know nothing of blobs.

use aqueduct_blob::{Algorithm, Digest};
use base64::Engine;
use base64::alphabet;
use base64::display::Base64Display;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The value of a `Repr-Digest` field, `sha-256=:BASE64:`. `None` for BLAKE3, which is not registered.
pub fn repr_digest(digest: &Digest) -> Option<String> {
    match digest.algorithm() {
        Algorithm::Sha256 => Some(format!("{SHA256}=:{}:", Base64Display::new(digest.as_bytes(), &BASE64))),
        Algorithm::Blake3 => None,
    }
}

/// The SHA-256 digest in the value of a `Repr-Digest` field. `None` if there is none, or a malformed one.
pub fn parse_repr_digest(value: &[u8]) -> Option<Digest> {
    let members = str::from_utf8(value).ok()?.split(',').map(|member| member.trim_matches([' ', '\t']));
    // RFC 8941 section 4.2.2: of two members with one key the last counts.
    let sha256 = members.filter_map(|member| member.split_once('=')).rfind(|(key, _)| *key == SHA256);
    let (_, item) = sha256?;
    let (base64, parameters) = item.strip_prefix(':')?.split_once(':')?;
    if !(parameters.is_empty() || parameters.starts_with(';')) {
        return None;
    }
    let bytes = BASE64.decode(base64).ok()?;
    Some(Digest::new(Algorithm::Sha256, bytes.try_into().ok()?))
}

const SHA256: &str = "sha-256";

/// RFC 8941 section 4.2.7: padding is written, and may be absent in what is read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests;
