//! Who hears what happens.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use aqueduct_blob::Digest;

use crate::Ticket;

/// Hears what happens, from any thread.
pub trait Watch: std::marker::Sync {
    /// Is told of one thing. Must not take long.
    fn hear(&self, event: &Event<'_>);

    /// Whether it is to be told of small files, too, which are hashed and named for it alone: nobody else asks for the digest
    /// of each.
    fn hears_files(&self) -> bool {
        true
    }
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// This side listens: what the other side may type.
    Listening {
        /// For `aqueduct recv` or `aqueduct send`.
        ticket: &'a Ticket,
        /// Where it listens, as others would reach it.
        address: SocketAddr,
        /// For `curl`: the path, with its slash, that one receiver may ask for. None of a side that receives.
        http_path: Option<&'a str>,
        /// Whether `nc` is welcome.
        raw: bool,
        /// What is sent, as it is shown.
        name: &'a str,
        /// Bytes, if known.
        size: Option<u64>,
    },
    /// The other side is there, and has proven that it knows the ticket (or has to prove nothing).
    Connected {
        /// Who.
        peer: SocketAddr,
        /// What is spoken with it: `native`, `http` or `raw`.
        dialect: &'static str,
    },
    /// What is to be done is known, as far as it is before it is done.
    Plan {
        /// Files, if known.
        file_count: Option<u64>,
        /// Bytes, if known.
        size: Option<u64>,
        /// Room at the receiver's, if it is this side.
        free: Option<u64>,
        /// Bytes that an earlier attempt has left.
        held: u64,
    },
    /// Another phase begins.
    Phase(Phase),
    /// A file has arrived, and is what it must be.
    File {
        /// Its path below the place where everything arrives.
        path: &'a [u8],
        /// Bytes.
        size: u64,
        /// If it was hashed.
        digest: Option<Digest>,
    },
    /// Something is left out, or failed, and the rest goes on.
    Left {
        /// Its path.
        path: &'a [u8],
        /// Why.
        why: &'a str,
    },
    /// The connection is lost, and is tried again.
    Retry {
        /// The how manieth time without progress.
        count: u32,
        /// After this, it is given up.
        count_max: u32,
        /// Why.
        why: &'a str,
        /// How long it waits before.
        pause: Duration,
    },
    /// Something that a person should know.
    Note(&'a str),
}

/// What a transfer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for the other side.
    Connect,
    /// It finds out what is to be done.
    Plan,
    /// It hashes what an earlier attempt has left.
    Recheck,
    /// Bytes move.
    Transfer,
    /// All bytes are there, and the last are verified.
    Verify,
    /// It waits for the disk.
    Sync,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connect => "connect",
            Self::Plan => "plan",
            Self::Recheck => "recheck",
            Self::Transfer => "transfer",
            Self::Verify => "verify",
            Self::Sync => "sync",
        })
    }
}
