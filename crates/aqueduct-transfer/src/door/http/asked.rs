//! Requests, as they come in.

use aqueduct_sys::Readiness;
use aqueduct_wire::http1::limits::HEAD_LEN_MAX;
use aqueduct_wire::http1::{Framing, HeadError, RequestHead, Version, parse_request};
use http::{Method, StatusCode};

use super::super::peer::{Peer, TICK};
use crate::Error;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// As it was sent.
    pub(super) path: String,
    pub(super) version: Version,
    /// Whether another request may follow.
    pub(super) keeps_alive: bool,
    pub(super) range: Option<Vec<u8>>,
    pub(super) if_range: Option<Vec<u8>>,
    pub(super) if_match: Option<Vec<u8>>,
    pub(super) if_none_match: Option<Vec<u8>>,
}

/// What a connection brings next.
#[derive(Debug)]
pub(super) enum Heard {
    Asked(Asked),
    /// Something that is no request; how that is said.
    Nonsense(StatusCode, HeadError),
    /// Nothing more.
    End,
}

/// What was received and not understood yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    /// Waits for a request, as long as the other side may be silent; who is silent between requests has ended.
    pub(super) fn next(&mut self, peer: &mut Peer<'_>) -> Result<Heard, Error> {
        // Whoever sends a byte now and then has no more time than who sends none.
        let deadline = peer.deadline();
        loop {
            match parse_request(&self.bytes) {
                Ok(None) if deadline.has_passed() => return Ok(Heard::End),
                Ok(None) => {}
                Ok(Some((head, len))) => {
                    let asked = Asked::of(&head);
                    self.bytes.drain(..len);
                    return Ok(Heard::Asked(asked));
                }
                Err(error) => return Ok(Heard::Nonsense(status(error), error)),
            }
            let mut room = [0; FILL_LEN];
            match peer.read(&mut room)? {
                Some(0) => return Ok(Heard::End),
                Some(len) => self.bytes.extend_from_slice(&room[..len]),
                None => drop(peer.wait(&[Readiness::Readable], TICK)?),
            }
        }
    }
}

impl Asked {
    fn of(head: &RequestHead<'_>) -> Self {
        // What is repeated and no list means nothing.
        let field = |name| head.fields.only(name).ok().flatten().map(<[u8]>::to_vec);
        let has_body = !matches!(head.framing, Framing::None | Framing::Length(0));
        Self {
            method: head.method.clone(),
            path: head.path.to_owned(),
            version: head.version,
            // Nobody reads a body: what follows it cannot be found.
            keeps_alive: head.keep_alive && !has_body && !head.expects_continue,
            range: field("range"),
            if_range: field("if-range"),
            if_match: field("if-match"),
            if_none_match: field("if-none-match"),
        }
    }
}

/// RFC 9110 section 15, RFC 6585 section 5.
fn status(error: HeadError) -> StatusCode {
    match error {
        HeadError::TargetTooLong => StatusCode::URI_TOO_LONG,
        HeadError::HeadTooLong | HeadError::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HeadError::UnsupportedVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        HeadError::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
        HeadError::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A head is mostly shorter than a KiB, and never longer than [`HEAD_LEN_MAX`].
const FILL_LEN: usize = 4 << 10;

const _: () = assert!(FILL_LEN <= HEAD_LEN_MAX);
