//! How far the body of a request was read.

use aqueduct_wire::http1::{ChunkError, ChunkStep, ChunkedDecoder, Framing};

/// What is still to come of a body.
#[derive(Debug)]
pub(crate) enum Body {
    Length { left: u64 },
    Chunked(ChunkedDecoder),
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length { left: 0 },
            Framing::Length(left) => Self::Length { left },
            Framing::Chunked => Self::Chunked(ChunkedDecoder::new()),
        }
    }

    /// Whether the next byte belongs to the next request.
    pub(crate) fn is_done(&self) -> bool {
        self.left() == Some(0)
    }

    /// How many bytes are surely still to come; `None` if the peer has not said.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Length { left } => Some(*left),
            Self::Chunked(decoder) => decoder.is_done().then_some(0),
        }
    }

    /// Looks at what was read ahead: how many bytes at its front are framing, and how many bytes of content follow them.
    /// No content and not done: the framing goes on in what was not read yet.
    pub(crate) fn next(&mut self, ahead: &[u8]) -> Result<(usize, u64), ChunkError> {
        match self {
            Self::Length { left } => Ok((0, *left)),
            Self::Chunked(decoder) => Ok(match decoder.step(ahead)? {
                ChunkStep::Data { consumed, len } => (consumed, len),
                ChunkStep::More { consumed } | ChunkStep::End { consumed } => (consumed, 0),
            }),
        }
    }

    /// Notes that `len` bytes of content were read.
    pub(crate) fn take(&mut self, len: u64) {
        match self {
            Self::Length { left } => *left = left.checked_sub(len).expect("no more is read than is expected"),
            Self::Chunked(decoder) => decoder.take(len),
        }
    }
}
