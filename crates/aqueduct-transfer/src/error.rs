//! Why a transfer failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use aqueduct_wire::transfer::Failure;
use aqueduct_wire::transfer::limits::TEXT_LEN_MAX;

/// Why a transfer failed: in words, and as a kind that an exit code follows from.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// Whether the other side said so, and need not be told.
    is_peers: bool,
    /// Whether nothing of it is kept: it was a stream, which nobody goes on with.
    is_of_stream: bool,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller asked for what cannot be.
    Usage,
    /// A source is missing or cannot be read.
    Source,
    /// What is to appear is there already.
    Exists,
    /// No connection came about, or it was lost too often.
    Network,
    /// The bytes are not what they must be.
    Mismatch,
    /// No room.
    NoSpace,
    /// A disk, or a right to write to it.
    Local,
    /// The other side does not let this one in, or does not want it.
    Refused,
    /// The other side speaks something else.
    Protocol,
    /// A source changed while it was sent.
    Changed,
    /// Some files of several failed.
    Some,
    /// All was sent, and nobody verified it although that was asked for.
    Unverified,
    /// Time is up.
    Deadline,
    /// Somebody asked it to stop, by a signal.
    Stopped,
    /// Anything else.
    Other,
}

impl Error {
    /// A failure of this side.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None, is_peers: false, is_of_stream: false }
    }

    /// Something that could not be done with a file or directory: `what` as in "cannot write PATH".
    pub fn disk(what: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            _ => ErrorKind::Local,
        };
        Self::new(kind, what).because(source)
    }

    /// Something that could not be read.
    pub fn source_file(what: impl Into<String>, source: io::Error) -> Self {
        Self::new(ErrorKind::Source, what).because(source)
    }

    /// A connection that failed.
    pub fn network(what: impl Into<String>, source: io::Error) -> Self {
        Self::new(ErrorKind::Network, what).because(source)
    }

    /// With its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Of another kind.
    #[must_use]
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Of what nobody can go on with: standard input or output, bare bytes, or what a web server gives.
    #[must_use]
    pub(crate) fn of_stream(mut self) -> Self {
        self.is_of_stream = true;
        self
    }

    /// What the other side said last.
    pub(crate) fn of_peer(failure: Failure, why: &str) -> Self {
        let kind = match failure {
            Failure::Other => ErrorKind::Other,
            Failure::Source => ErrorKind::Source,
            Failure::Exists => ErrorKind::Exists,
            Failure::Mismatch => ErrorKind::Mismatch,
            Failure::NoSpace => ErrorKind::NoSpace,
            Failure::Local => ErrorKind::Local,
            Failure::Refused => ErrorKind::Refused,
            Failure::Protocol => ErrorKind::Protocol,
            Failure::Changed => ErrorKind::Changed,
            Failure::Stopped => ErrorKind::Stopped,
        };
        let mut error = Self::new(kind, format!("the other side says: {}", shown(why)));
        error.is_peers = true;
        error
    }

    /// What the other side is told of it.
    pub(crate) fn failure(&self) -> Failure {
        match self.kind {
            ErrorKind::Source => Failure::Source,
            ErrorKind::Exists => Failure::Exists,
            ErrorKind::Mismatch => Failure::Mismatch,
            ErrorKind::NoSpace => Failure::NoSpace,
            ErrorKind::Local => Failure::Local,
            ErrorKind::Refused => Failure::Refused,
            ErrorKind::Protocol => Failure::Protocol,
            ErrorKind::Changed => Failure::Changed,
            ErrorKind::Stopped | ErrorKind::Deadline => Failure::Stopped,
            ErrorKind::Usage
            | ErrorKind::Network
            | ErrorKind::Some
            | ErrorKind::Unverified
            | ErrorKind::Other => Failure::Other,
        }
    }

    /// What the other side is to be told, unless it said so itself or cannot hear.
    pub(crate) fn to_be_told(&self) -> Option<(Failure, String)> {
        let can_be_told = !self.is_peers && self.kind != ErrorKind::Network;
        can_be_told.then(|| (self.failure(), with_causes(self).chars().take(TOLD_LEN_MAX).collect()))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the other side said so.
    pub fn is_of_peer(&self) -> bool {
        self.is_peers
    }

    /// Whether the transfer goes on where it was when it is tried again.
    pub fn is_resumable(&self) -> bool {
        let may_go_on = matches!(
            self.kind,
            ErrorKind::Network | ErrorKind::NoSpace | ErrorKind::Stopped | ErrorKind::Deadline
        );
        may_go_on && !self.is_of_stream
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// An error with all its causes, on one line.
pub(crate) fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = StdError::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// What somebody else says, without what a terminal would take for a command.
fn shown(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// Characters of a reason: as bytes they fit into a word, whatever they are.
const TOLD_LEN_MAX: usize = TEXT_LEN_MAX / 4;
