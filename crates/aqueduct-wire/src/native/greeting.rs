//! The first bytes of either side.

use super::FrameError;

/// The version of the protocol that is specified in `docs/protocol.md`.
pub const VERSION: u8 = 1;

/// What a connection of this protocol begins with, and no text does: a server knows by it which protocol is spoken.
pub const FIRST_BYTE: u8 = MAGIC[0];

/// Bytes of a greeting: seven of magic and the version.
pub const GREETING_LEN: usize = 8;

/// What either side sends first: the magic and [`VERSION`].
pub const fn greeting() -> [u8; GREETING_LEN] {
    let [a, b, c, d, e, f, g] = MAGIC;
    [a, b, c, d, e, f, g, VERSION]
}

/// Reads the greeting that `bytes` begin with, and gives the version in it, which is at least 1. `bytes` may hold more.
///
/// `Ok(None)` asks for more bytes. A server answers a version newer than its own with its own; a client that is
/// answered a version newer than its own has to close.
///
/// # Errors
///
/// [`FrameError::WrongMagic`] as soon as it is certain; [`FrameError::UnknownVersion`] for version 0.
pub fn parse_greeting(bytes: &[u8]) -> Result<Option<u8>, FrameError> {
    let magic_len = bytes.len().min(MAGIC.len());
    if bytes[..magic_len] != MAGIC[..magic_len] {
        return Err(FrameError::WrongMagic);
    }
    match bytes.get(MAGIC.len()) {
        None => Ok(None),
        Some(0) => Err(FrameError::UnknownVersion),
        Some(&version) => Ok(Some(version)),
    }
}

/// As PNG's signature does, it begins with a byte above 127, which neither HTTP nor TLS nor plain text begins with.
const MAGIC: [u8; 7] = *b"\x89AQDUCT";

#[cfg(test)]
mod tests;
