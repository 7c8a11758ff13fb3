//! What can go wrong between a client and its server.

use std::error::Error as StdError;
use std::io;

use aqueduct_blob::Digest;
use aqueduct_flow::SourceTruncated;
use aqueduct_wire::native::{Code, FrameError};
use http::StatusCode;

use crate::endpoint::{Dialect, Endpoint};
use crate::http::Problem;

/// Why an operation failed. Its text is one sentence, with the server's address and, where the server gave one, its own
/// sentence; what lies behind it is its source.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    kind: ErrorKind,
    text: String,
    mend: Mend,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What may mend a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mend {
    Nothing,
    /// Another line: this one was kept for too long, and nothing was heard over it.
    OtherLine,
    /// Another connection: what was said over this one was damaged on its way.
    Connection,
    /// Time: the server was not heard, or has too much to do.
    Time,
}

/// What sort of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection came about.
    Connect,
    /// A connection broke, and did not come back.
    Lost,
    /// The server was silent for too long, or says that this client was (408).
    Timeout,
    /// The server does not let this client do that: there is no token, or not the right one (over HTTP 401, 403, 421).
    Refused,
    /// The blob is larger than the server takes (413), or than this client does.
    TooLarge,
    /// The blob is not there (404).
    Absent,
    /// Bytes are not what their digest says.
    Mismatch,
    /// The source changed while it was sent.
    Changed,
    /// The server has no space (507).
    NoSpace,
    /// The server does not say what an Aqueduct server says.
    Protocol,
    /// The server failed (5xx).
    Server,
    /// The protocol that is spoken with the server has no word for it.
    Unspoken,
    /// A file or stream on this machine failed.
    Local,
}

impl Error {
    /// What sort of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same operation may succeed later, although nobody changes anything: the server was not heard, or has
    /// too much to do.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.mend == Mend::Time
    }

    pub(crate) fn mend(&self) -> Mend {
        self.mend
    }

    fn new(kind: ErrorKind, text: String) -> Self {
        let mend = match kind {
            ErrorKind::Connect | ErrorKind::Lost | ErrorKind::Timeout => Mend::Time,
            _ => Mend::Nothing,
        };
        Self { kind, text, mend, source: None }
    }

    /// The same failure, for another that shares it.
    pub(crate) fn shared(&self) -> Self {
        let source = self.source.as_ref().map(|source| source.to_string().into());
        Self { kind: self.kind, text: self.text.clone(), mend: self.mend, source }
    }

    fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    pub(crate) fn connect(endpoint: &Endpoint, source: io::Error) -> Self {
        Self::new(ErrorKind::Connect, format!("cannot connect to {endpoint}")).because(source)
    }

    /// A failure while bytes moved between a connection and this machine; its kind tells on which side.
    pub(crate) fn moving(endpoint: &Endpoint, source: io::Error) -> Self {
        let kind = kind_of(&source);
        let text = match kind {
            ErrorKind::Timeout => return Self::new(kind, format!("{endpoint} was silent for too long")),
            ErrorKind::Changed => "the source changed while it was sent".to_owned(),
            ErrorKind::Protocol => format!("{endpoint} does not speak as an Aqueduct server does"),
            ErrorKind::Local => format!("cannot move bytes between {endpoint} and this machine"),
            _ => format!("the connection to {endpoint} broke"),
        };
        Self::new(kind, text).because(source)
    }

    /// What the server said makes no sense.
    pub(crate) fn protocol(endpoint: &Endpoint, what: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let text = format!("{endpoint} does not speak as an Aqueduct server does");
        Self::new(ErrorKind::Protocol, text).because(what)
    }

    /// The one place where a status becomes a kind.
    pub(crate) fn status(endpoint: &Endpoint, status: StatusCode, problem: &Problem) -> Self {
        let kind = match status.as_u16() {
            401 | 403 | 421 => ErrorKind::Refused,
            404 => ErrorKind::Absent,
            408 => ErrorKind::Timeout,
            413 => ErrorKind::TooLarge,
            507 => ErrorKind::NoSpace,
            500..=599 => ErrorKind::Server,
            400 if problem.is("digest-mismatch") => ErrorKind::Mismatch,
            _ => ErrorKind::Protocol,
        };
        let said = problem.sentence().unwrap_or_else(|| status.to_string());
        let text = match kind {
            ErrorKind::Refused => format!("{endpoint} refuses: {said}"),
            ErrorKind::Protocol => format!("{endpoint} does not take this request: {said}"),
            _ => format!("{endpoint} answers: {said}"),
        };
        Self { mend: Mend::Nothing, ..Self::new(kind, text) }
    }

    /// What was heard is not what was said, or what this client does not know.
    pub(crate) fn garbled(endpoint: &Endpoint, error: FrameError) -> Self {
        Self { mend: Mend::Connection, ..Self::protocol(endpoint, error) }
    }

    /// The one place where a code becomes a kind: of a task that was refused, or of a connection that the server closes.
    pub(crate) fn refused(endpoint: &Endpoint, code: Code, message: &str) -> Self {
        let (kind, mend) = match code {
            Code::Absent | Code::NoSuchUpload => (ErrorKind::Absent, Mend::Nothing),
            Code::Mismatch | Code::SizeMismatch => (ErrorKind::Mismatch, Mend::Nothing),
            Code::TooLarge => (ErrorKind::TooLarge, Mend::Nothing),
            Code::NoSpace => (ErrorKind::NoSpace, Mend::Nothing),
            Code::NeedsToken | Code::NeedsWriteToken => (ErrorKind::Refused, Mend::Nothing),
            Code::ReadOnly | Code::Fault | Code::Conflict => (ErrorKind::Server, Mend::Nothing),
            Code::Busy | Code::Contended => (ErrorKind::Server, Mend::Time),
            Code::Stopping | Code::Stopped => (ErrorKind::Lost, Mend::Time),
            // A machine that slept, or a disk that did, is awake again; patience bounds the rest.
            Code::TooSlow => (ErrorKind::Timeout, Mend::Time),
            // The checks of a frame fail for what was damaged on its way.
            Code::WrongMagic
            | Code::UnknownVersion
            | Code::BadPreamble
            | Code::HeaderTooLong
            | Code::PayloadTooLong
            | Code::BadHeader => (ErrorKind::Protocol, Mend::Connection),
            _ => (ErrorKind::Protocol, Mend::Nothing),
        };
        let said = match printable(message) {
            said if said.is_empty() => code.to_string(),
            said => said,
        };
        let text = match kind {
            ErrorKind::Refused => format!("{endpoint} refuses: {said}"),
            ErrorKind::Protocol => format!("{endpoint} does not take this request: {said}"),
            _ => format!("{endpoint} answers: {said}"),
        };
        Self { mend, ..Self::new(kind, text) }
    }

    /// What came from the server is not what was asked for.
    pub(crate) fn received_other(endpoint: &Endpoint, expected: &Digest, actual: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} sent bytes of {actual} for {expected}"))
    }

    /// What came from the server was damaged, as often as it was asked for.
    pub(crate) fn damaged(endpoint: &Endpoint, digest: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} sent bytes that are not those of {digest}"))
    }

    /// The checkpoints that came from the server are of something else.
    pub(crate) fn wrong_list(endpoint: &Endpoint, digest: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} sent checkpoints that are not those of {digest}"))
    }

    /// The blob was there a moment ago.
    pub(crate) fn gone(endpoint: &Endpoint, digest: &Digest) -> Self {
        Self::new(ErrorKind::Absent, format!("{endpoint} does not have {digest} any more"))
    }

    /// It would take too much memory to keep account of it.
    pub(crate) fn too_large(endpoint: &Endpoint, digest: &Digest, size: u64) -> Self {
        let text = format!("{endpoint} has {size} bytes under {digest}, more than can be fetched whole");
        Self::new(ErrorKind::TooLarge, text)
    }

    /// What the server took is not what was sent.
    pub(crate) fn stored_other(endpoint: &Endpoint, expected: &Digest, actual: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} received {actual} where {expected} was sent"))
    }

    pub(crate) fn changed() -> Self {
        Self::new(ErrorKind::Changed, "the source changed while it was sent".to_owned())
    }

    /// HTTP cannot say it.
    pub(crate) fn unspoken(endpoint: &Endpoint) -> Self {
        let other = match endpoint.dialect() {
            Dialect::Http => "over HTTP; use aqueduct://",
            Dialect::Native => "in the native protocol; use http://",
        };
        Self::new(ErrorKind::Unspoken, format!("{endpoint} cannot be asked that {other}"))
    }

    /// What was begun is not wanted any more; nobody is told.
    pub(crate) fn unwanted() -> Self {
        Self::new(ErrorKind::Local, "it is not wanted any more".to_owned())
    }

    /// The same failure, which something else may mend.
    pub(crate) fn mended_by(self, mend: Mend) -> Self {
        Self { mend, ..self }
    }

    /// A failure of a file or stream of the caller's.
    pub(crate) fn local(doing: &str, source: io::Error) -> Self {
        Self::new(ErrorKind::Local, format!("cannot {doing}")).because(source)
    }
}

/// On which side a mover failed. It says so only by the kind of its error.
pub(crate) fn kind_of(error: &io::Error) -> ErrorKind {
    if error.get_ref().is_some_and(|cause| cause.is::<SourceTruncated>()) {
        return ErrorKind::Changed;
    }
    match error.kind() {
        // SO_RCVTIMEO and SO_SNDTIMEO are told as EAGAIN, see socket(7).
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ErrorKind::Timeout,
        io::ErrorKind::InvalidData => ErrorKind::Protocol,
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => ErrorKind::Lost,
        _ => ErrorKind::Local,
    }
}

/// A server's words reach a terminal: nothing in them may move its cursor, or fill its screen.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(SAID_LEN_MAX).collect()
}

/// In characters: some lines on a terminal.
const SAID_LEN_MAX: usize = 500;

#[cfg(test)]
mod tests;
