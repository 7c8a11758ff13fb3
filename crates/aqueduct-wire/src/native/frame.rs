//! The outside of a message: a preamble, a header, and the length of a payload.

use prost::Message;

use super::limits::{HEADER_LEN_MAX, PAYLOAD_LEN_MAX, PREAMBLE_LEN};
use super::{Answer, Code, Request, messages};

/// A message, and where its payload lies in what was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<T> {
    /// What the header says.
    pub message: T,
    /// Bytes of raw payload that follow the header, at most [`PAYLOAD_LEN_MAX`].
    pub payload_len: u64,
    /// Bytes of preamble and header, after which the payload begins.
    pub head_len: usize,
}

/// Reads the frame that `bytes` begin with, up to its payload, as a server does.
///
/// `Ok(None)` asks for more bytes and to be called again with all of them. `bytes` may hold more than the frame. A
/// message that breaks a rule of its own is [`Ask::Bad`](super::Ask::Bad), and no error: the frames after it can be
/// read.
///
/// # Errors
///
/// [`FrameError`], as soon as it is certain. Where the next frame begins is not known then.
pub fn parse_request(bytes: &[u8]) -> Result<Option<Frame<Request>>, FrameError> {
    parse(bytes, |message: messages::Request| Ok(Request::understand(message)))
}

/// How many bytes are surely missing until the head of the frame that `bytes` begin with is whole: for those who want to read
/// no payload ahead.
pub fn missing_len(bytes: &[u8]) -> usize {
    let Some(header_len) = bytes.first_chunk::<4>().filter(|_| bytes.len() >= PREAMBLE_LEN) else {
        return PREAMBLE_LEN - bytes.len();
    };
    let header_len = usize::try_from(u32::from_be_bytes(*header_len)).unwrap_or(usize::MAX);
    (PREAMBLE_LEN + header_len.min(HEADER_LEN_MAX)).saturating_sub(bytes.len())
}

/// Reads the frame that `bytes` begin with, up to its payload, as a client does. See [`parse_request`].
///
/// # Errors
///
/// [`FrameError`], as soon as it is certain; among them [`BadAnswer`](FrameError::BadAnswer), because a client cannot
/// go on with an answer that it does not understand.
pub fn parse_answer(bytes: &[u8]) -> Result<Option<Frame<Answer>>, FrameError> {
    parse(bytes, |message: messages::Answer| Answer::understand(message).map_err(|_| FrameError::BadAnswer))
}

/// Why bytes are not a greeting, or not a frame. After any of these the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FrameError {
    /// The connection does not begin with the magic.
    #[error("begin the connection with the greeting of this protocol")]
    WrongMagic,
    /// The greeting has version 0, or a server's has a newer version than the client's.
    #[error("greet with a version that both sides know")]
    UnknownVersion,
    /// A preamble does not agree with its check.
    #[error("the preamble does not agree with its check")]
    BadPreamble,
    /// A header is longer than [`HEADER_LEN_MAX`].
    #[error("the header has {len} bytes, and may have {HEADER_LEN_MAX}")]
    HeaderTooLong {
        /// Bytes that the preamble announces.
        len: u32,
    },
    /// A payload is longer than [`PAYLOAD_LEN_MAX`].
    #[error("the payload has {len} bytes, and may have {PAYLOAD_LEN_MAX}")]
    PayloadTooLong {
        /// Bytes that the preamble announces.
        len: u64,
    },
    /// A header does not agree with its check.
    #[error("the header does not agree with its check")]
    BadHeader,
    /// A header is not protobuf, or has a field of another type.
    #[error("the header is not a message of this protocol")]
    NotAMessage,
    /// A server's answer is none that this client knows, or breaks a rule of its own.
    #[error("the answer is not one of this version of the protocol")]
    BadAnswer,
}

impl FrameError {
    /// What the peer is told before the connection closes.
    pub fn code(self) -> Code {
        match self {
            Self::WrongMagic => Code::WrongMagic,
            Self::UnknownVersion => Code::UnknownVersion,
            Self::BadPreamble => Code::BadPreamble,
            Self::HeaderTooLong { .. } => Code::HeaderTooLong,
            Self::PayloadTooLong { .. } => Code::PayloadTooLong,
            Self::BadHeader | Self::NotAMessage | Self::BadAnswer => Code::BadHeader,
        }
    }
}

/// Appends a preamble and a header.
pub(crate) fn write(message: &impl Message, payload_len: u64, out: &mut Vec<u8>) {
    let header_len = message.encoded_len();
    assert!(header_len <= HEADER_LEN_MAX, "the header has {header_len} bytes, and may have {HEADER_LEN_MAX}");
    assert!(payload_len <= PAYLOAD_LEN_MAX, "a payload of {payload_len} bytes belongs into several frames");
    let begin = out.len();
    let header_begin = begin + PREAMBLE_LEN;
    out.reserve(PREAMBLE_LEN + header_len);
    out.resize(header_begin, 0);
    message.encode(out).expect("a vector has room for any header");
    let header_len = u32::try_from(header_len).expect("the limit of a header is far below 4 GiB");
    let header_check = crc32fast::hash(&out[header_begin..]);
    let preamble = &mut out[begin..header_begin];
    preamble[..4].copy_from_slice(&header_len.to_be_bytes());
    preamble[4..12].copy_from_slice(&payload_len.to_be_bytes());
    preamble[12..16].copy_from_slice(&header_check.to_be_bytes());
    let check = crc32fast::hash(&preamble[..CHECKED_LEN]);
    preamble[CHECKED_LEN..].copy_from_slice(&check.to_be_bytes());
}

pub(crate) fn parse<M: Message + Default, T>(
    bytes: &[u8],
    understand: impl FnOnce(M) -> Result<T, FrameError>,
) -> Result<Option<Frame<T>>, FrameError> {
    let Some(preamble) = Preamble::parse(bytes)? else { return Ok(None) };
    let head_len = PREAMBLE_LEN + preamble.header_len;
    let Some(header) = bytes.get(PREAMBLE_LEN..head_len) else { return Ok(None) };
    if crc32fast::hash(header) != preamble.header_check {
        return Err(FrameError::BadHeader);
    }
    let message = M::decode(header).map_err(|_| FrameError::NotAMessage)?;
    Ok(Some(Frame { message: understand(message)?, payload_len: preamble.payload_len, head_len }))
}

/// What a frame begins with, checked.
struct Preamble {
    /// At most [`HEADER_LEN_MAX`].
    header_len: usize,
    /// At most [`PAYLOAD_LEN_MAX`].
    payload_len: u64,
    header_check: u32,
}

impl Preamble {
    fn parse(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some(preamble) = bytes.first_chunk::<PREAMBLE_LEN>() else { return Ok(None) };
        let &[h0, h1, h2, h3, p0, p1, p2, p3, p4, p5, p6, p7, c0, c1, c2, c3, k0, k1, k2, k3] = preamble;
        if crc32fast::hash(&preamble[..CHECKED_LEN]) != u32::from_be_bytes([k0, k1, k2, k3]) {
            return Err(FrameError::BadPreamble);
        }
        let header_len = u32::from_be_bytes([h0, h1, h2, h3]);
        let payload_len = u64::from_be_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
        if payload_len > PAYLOAD_LEN_MAX {
            return Err(FrameError::PayloadTooLong { len: payload_len });
        }
        match usize::try_from(header_len) {
            Ok(len) if len <= HEADER_LEN_MAX => {
                let header_check = u32::from_be_bytes([c0, c1, c2, c3]);
                Ok(Some(Self { header_len: len, payload_len, header_check }))
            }
            _ => Err(FrameError::HeaderTooLong { len: header_len }),
        }
    }
}

/// Bytes of a preamble before the check of itself.
const CHECKED_LEN: usize = PREAMBLE_LEN - 4;

#[cfg(test)]
mod tests;
