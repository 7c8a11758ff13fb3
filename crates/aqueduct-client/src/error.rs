//! What can go wrong between a client and its server.

use std::error::Error as StdError;
use std::io;

use aqueduct_blob::Digest;
use aqueduct_flow::SourceTruncated;
use http::StatusCode;

use crate::endpoint::Endpoint;
use crate::http::Problem;

/// Why an operation failed. Its text is one sentence, with the server's address and, where the server gave one, its own
/// sentence; what lies behind it is its source.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    kind: ErrorKind,
    text: String,
    /// The server has answered: that it could not be heard is not what failed.
    is_answer: bool,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
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
    /// The server does not let this client do that: there is no token, or not the right one (401, 403, 421).
    Refused,
    /// The blob is larger than the server takes (413).
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
    /// A file or stream on this machine failed.
    Local,
}

impl Error {
    /// What sort of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same operation may succeed later, although nobody changes anything: the server was not heard.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !self.is_answer && matches!(self.kind, ErrorKind::Connect | ErrorKind::Lost | ErrorKind::Timeout)
    }

    fn new(kind: ErrorKind, text: String) -> Self {
        Self { kind, text, is_answer: false, source: None }
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
        Self { is_answer: true, ..Self::new(kind, text) }
    }

    /// What came from the server is not what was asked for.
    pub(crate) fn received_other(endpoint: &Endpoint, expected: &Digest, actual: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} sent bytes of {actual} for {expected}"))
    }

    /// What the server took is not what was sent.
    pub(crate) fn stored_other(endpoint: &Endpoint, expected: &Digest, actual: &Digest) -> Self {
        Self::new(ErrorKind::Mismatch, format!("{endpoint} received {actual} where {expected} was sent"))
    }

    pub(crate) fn changed() -> Self {
        Self::new(ErrorKind::Changed, "the source changed while it was sent".to_owned())
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

#[cfg(test)]
mod tests;
