//! What both sides know, and how each proves it.

use std::fmt;
use std::io;

use aqueduct_wire::transfer::Role;

/// 128 random bits that only those know who were given the ticket.
///
/// Neither side ever sends it. Each sends 16 fresh bytes, and a keyed BLAKE3 of both sides' bytes and of which side it is:
/// what one side proves is of no use to whoever pretends to be the other, nor at another connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_LEN]);

/// Which side proves something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Listener,
    Connector,
}

/// What both sides have said at a connection before either proved anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) connector: [u8; 16],
    pub(crate) listener: [u8; 16],
    /// What whoever connected wants: nobody on the path may change it.
    pub(crate) role: Role,
    pub(crate) stream: u32,
    pub(crate) attempt: [u8; 16],
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    ///
    /// Where the kernel has no random bytes. See getrandom(2).
    pub fn random() -> io::Result<Self> {
        random().map(Self)
    }

    pub(crate) fn new(bytes: [u8; SECRET_LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }

    /// What `side` sends to prove that it knows this.
    pub(crate) fn prove(&self, side: Side, challenge: &Challenge) -> [u8; 32] {
        *self.proof(side, challenge).as_bytes()
    }

    /// Whether `proof` is what `side` had to send. Takes as long whichever byte is wrong.
    pub(crate) fn accepts(&self, side: Side, challenge: &Challenge, proof: &[u8; 32]) -> bool {
        self.proof(side, challenge) == blake3::Hash::from_bytes(*proof)
    }

    /// What names something that only those can know who know this: a path, say.
    pub(crate) fn derive(&self, context: &str) -> [u8; 16] {
        let key = blake3::derive_key(CONTEXT, &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(b"derive");
        hasher.update(context.as_bytes());
        *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer")
    }

    fn proof(&self, side: Side, challenge: &Challenge) -> blake3::Hash {
        let Challenge { connector, listener, role, stream, attempt } = challenge;
        let key = blake3::derive_key(CONTEXT, &self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(match side {
            Side::Listener => b"listens",
            Side::Connector => b"connects",
        });
        // All of fixed lengths, except the first, which neither is the start of the other.
        hasher.update(connector);
        hasher.update(listener);
        hasher.update(match role {
            Role::Send => b"s",
            Role::Receive => b"r",
        });
        hasher.update(&stream.to_be_bytes());
        hasher.update(attempt);
        hasher.finalize()
    }
}

/// Fresh bytes that nobody can guess.
pub(crate) fn random() -> io::Result<[u8; 16]> {
    Ok(aqueduct_sys::random_bytes()?)
}

impl fmt::Debug for Secret {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

pub(crate) const SECRET_LEN: usize = 16;

const CONTEXT: &str = "aqueduct transfer 1: both sides prove that they know the ticket";

#[cfg(test)]
mod tests;
