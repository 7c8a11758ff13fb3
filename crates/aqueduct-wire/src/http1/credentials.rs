//! Who asks (RFC 9110 section 11.4).

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What an `Authorization` field says. Its `Debug` shows no secret, and it has no `==`, which would stop at the first
/// byte that differs and so tell how many are right.
#[derive(Clone)]
pub enum Credentials {
    /// A token alone (RFC 6750 section 2.1).
    Bearer(String),
    /// A user and a password (RFC 7617), for programs that know nothing else. In either alphabet of base64, and padded or not.
    Basic {
        /// Up to the first colon.
        user: String,
        /// May hold colons.
        password: String,
    },
}

impl Credentials {
    /// Reads the value of an `Authorization` field. `None` for another scheme and for what is malformed.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        let secret = rest.trim_start_matches(' ');
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer(secret.to_owned()))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let pair = STANDARD.decode(secret).or_else(|_| URL_SAFE.decode(secret)).ok()?;
            let pair = String::from_utf8(pair).ok()?;
            let (user, password) = pair.split_once(':')?;
            Some(Self::Basic { user: user.to_owned(), password: password.to_owned() })
        } else {
            None
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer(..)"),
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish_non_exhaustive(),
        }
    }
}

/// RFC 7617 section 2 wants this alphabet, of RFC 4648 section 4.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED_OR_NOT);

/// Bazel uses this one, of section 5 (its `HttpCacheClient` and `--remote_cache=http://user:password@..`). They differ where a
/// password has a `?` or a `~`, say, and no text means something in both.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED_OR_NOT);

const PADDED_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

#[cfg(test)]
mod tests;
