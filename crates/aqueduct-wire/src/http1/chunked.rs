//! The chunked coding (RFC 9112 section 7.1): where the bytes of a body lie. The bytes themselves are not touched.

use super::grammar::is_token_byte;
use super::limits::{CHUNK_EXTENSIONS_LEN_MAX, CHUNK_LINE_LEN_MAX, TRAILER_LEN_MAX};

/// What follows the bytes of each chunk that was begun with [`chunk_head`].
pub const CHUNK_END: &[u8] = b"\r\n";

/// What ends a body in chunks, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What comes before `len` bytes of a body, which [`CHUNK_END`] follows.
///
/// # Panics
///
/// If `len` is 0: that would end the body.
pub fn chunk_head(len: u64) -> String {
    assert!(len > 0, "an empty chunk is the last one");
    format!("{len:x}\r\n")
}

/// Reads the framing of a body in chunks.
///
/// [`step`](Self::step) reads framing until it meets bytes of the body. The caller moves those, in as many pieces as it
/// likes, tells it with [`take`](Self::take), and goes on.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes of the line that begins the current chunk, at most `CHUNK_LINE_LEN_MAX`.
    line_len: usize,
    /// Of the whole body, at most `CHUNK_EXTENSIONS_LEN_MAX`.
    extensions_len: usize,
    /// At most `TRAILER_LEN_MAX`.
    trailer_len: usize,
}

/// What the bytes given to [`ChunkedDecoder::step`] begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkStep {
    /// Framing alone, which goes on past them.
    More {
        /// Bytes of framing, which are all that were given.
        consumed: usize,
    },
    /// Framing, and then bytes of the body. How many of those were given is not looked at.
    Data {
        /// Bytes of framing.
        consumed: usize,
        /// Bytes of the body that follow in this chunk. Never 0.
        len: u64,
    },
    /// Framing up to the end of the body, trailers included. What follows is not part of this message.
    End {
        /// Bytes of framing.
        consumed: usize,
    },
}

/// Why bytes are no body in chunks. After any of these the connection has to be closed: where the next message begins
/// is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChunkError {
    /// A chunk does not begin with a hexadecimal number.
    #[error("begin each chunk with its length in hexadecimal digits")]
    BadSize,
    /// The length of a chunk is no `u64`.
    #[error("send chunks of less than 2^64 bytes")]
    SizeTooLarge,
    /// An extension holds a control character.
    #[error("write no control characters into a chunk extension")]
    BadExtension,
    /// One line has more than [`CHUNK_LINE_LEN_MAX`] bytes, or the extensions of the body have more than
    /// [`CHUNK_EXTENSIONS_LEN_MAX`].
    #[error(
        "send fewer chunk extensions: {CHUNK_LINE_LEN_MAX} bytes a chunk, {CHUNK_EXTENSIONS_LEN_MAX} a body"
    )]
    ExtensionsTooLong,
    /// A line, or the bytes of a chunk, are followed by something else than CR and LF.
    #[error("end each line and each chunk with CR LF")]
    MissingLineEnd,
    /// A trailer is not a name, a colon and a value on one line, or holds a control character.
    #[error("write each trailer on one line as Name: value")]
    BadTrailer,
    /// The trailers have more than [`TRAILER_LEN_MAX`] bytes.
    #[error("send fewer trailers: they may have {TRAILER_LEN_MAX} bytes")]
    TrailerTooLong,
}

impl ChunkedDecoder {
    /// Begins a body.
    #[expect(clippy::new_without_default, reason = "a body is begun, not defaulted to")]
    pub const fn new() -> Self {
        Self { state: State::SizeBegin, line_len: 0, extensions_len: 0, trailer_len: 0 }
    }

    /// Reads the framing that `bytes` begin with. They follow those that were consumed and taken before.
    ///
    /// While bytes of a chunk are still to be taken, this gives their number and consumes nothing; after the end it
    /// gives the end again.
    ///
    /// # Errors
    ///
    /// [`ChunkError`], as soon as it is certain.
    pub fn step(&mut self, bytes: &[u8]) -> Result<ChunkStep, ChunkError> {
        let mut consumed = 0;
        loop {
            match self.state {
                State::Data(len) => return Ok(ChunkStep::Data { consumed, len }),
                State::End => return Ok(ChunkStep::End { consumed }),
                _ => {}
            }
            let Some(&byte) = bytes.get(consumed) else { return Ok(ChunkStep::More { consumed }) };
            self.state = self.after(byte)?;
            consumed += 1;
        }
    }

    /// Notes that `len` bytes of the chunk have been moved.
    ///
    /// # Panics
    ///
    /// If the chunk has fewer bytes left.
    pub fn take(&mut self, len: u64) {
        let left = if let State::Data(left) = self.state { left } else { 0 };
        assert!(len <= left, "{len} bytes are taken of a chunk that has {left} left");
        if len > 0 {
            self.state = if len == left { State::DataEnd } else { State::Data(left - len) };
        }
    }

    /// Whether the body has ended.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::End)
    }

    /// The state that `byte` leads to.
    fn after(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::SizeBegin => {
                self.line_len = 1;
                Ok(State::Size(hex_digit(byte).ok_or(ChunkError::BadSize)?))
            }
            State::Size(size) => {
                self.count_line()?;
                match (byte, hex_digit(byte)) {
                    (_, Some(digit)) => {
                        let size = size.checked_mul(16).ok_or(ChunkError::SizeTooLarge)?;
                        Ok(State::Size(size | digit))
                    }
                    (b'\r', _) => Ok(State::SizeLineEnd(size)),
                    // White space before an extension is "bad", but allowed.
                    (b';' | b' ' | b'\t', _) => {
                        self.count_extension()?;
                        Ok(State::Extension { size, has_begun: byte == b';' })
                    }
                    (b'\n', _) => Err(ChunkError::MissingLineEnd),
                    _ => Err(ChunkError::BadSize),
                }
            }
            State::Extension { size, has_begun } => {
                self.count_line()?;
                self.count_extension()?;
                match byte {
                    b'\r' if has_begun => Ok(State::SizeLineEnd(size)),
                    b';' => Ok(State::Extension { size, has_begun: true }),
                    b' ' | b'\t' => Ok(self.state),
                    _ if !has_begun => Err(ChunkError::BadSize),
                    b'\n' => Err(ChunkError::MissingLineEnd),
                    _ if byte.is_ascii_control() => Err(ChunkError::BadExtension),
                    _ => Ok(self.state),
                }
            }
            State::SizeLineEnd(size) => {
                line_feed(byte)?;
                Ok(if size == 0 { State::TrailerBegin } else { State::Data(size) })
            }
            State::DataEnd if byte == b'\r' => Ok(State::DataLineEnd),
            State::DataEnd => Err(ChunkError::MissingLineEnd),
            State::DataLineEnd => line_feed(byte).map(|()| State::SizeBegin),
            State::TrailerBegin | State::TrailerName | State::TrailerValue | State::TrailerLineEnd => {
                self.after_in_trailers(byte)
            }
            State::LastLineEnd => line_feed(byte).map(|()| State::End),
            State::Data(_) | State::End => unreachable!("a step stops at bytes of the body and at the end"),
        }
    }

    /// Trailers are checked although nothing reads them: what is no trailer may be the next request, meant for someone
    /// who sees the end of this body elsewhere.
    fn after_in_trailers(&mut self, byte: u8) -> Result<State, ChunkError> {
        count(&mut self.trailer_len, TRAILER_LEN_MAX, ChunkError::TrailerTooLong)?;
        match (self.state, byte) {
            (State::TrailerBegin, b'\r') => Ok(State::LastLineEnd),
            (State::TrailerBegin, _) if is_token_byte(byte) => Ok(State::TrailerName),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerName, _) if is_token_byte(byte) => Ok(State::TrailerName),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLineEnd),
            (State::TrailerLineEnd, _) => line_feed(byte).map(|()| State::TrailerBegin),
            (_, b'\n') => Err(ChunkError::MissingLineEnd),
            (State::TrailerValue, _) if byte == b'\t' || !byte.is_ascii_control() => Ok(State::TrailerValue),
            _ => Err(ChunkError::BadTrailer),
        }
    }

    fn count_line(&mut self) -> Result<(), ChunkError> {
        count(&mut self.line_len, CHUNK_LINE_LEN_MAX, ChunkError::ExtensionsTooLong)
    }

    fn count_extension(&mut self) -> Result<(), ChunkError> {
        count(&mut self.extensions_len, CHUNK_EXTENSIONS_LEN_MAX, ChunkError::ExtensionsTooLong)
    }
}

/// Named after what was read last, or is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SizeBegin,
    Size(u64),
    /// `has_begun` with the first semicolon.
    Extension {
        size: u64,
        has_begun: bool,
    },
    /// After CR.
    SizeLineEnd(u64),
    /// How many bytes are left to take, never 0.
    Data(u64),
    DataEnd,
    /// After CR.
    DataLineEnd,
    TrailerBegin,
    TrailerName,
    TrailerValue,
    /// After CR.
    TrailerLineEnd,
    /// After the CR of the empty line.
    LastLineEnd,
    End,
}

fn count(counted: &mut usize, max: usize, error: ChunkError) -> Result<(), ChunkError> {
    *counted += 1;
    if *counted > max { Err(error) } else { Ok(()) }
}

fn line_feed(byte: u8) -> Result<(), ChunkError> {
    if byte == b'\n' { Ok(()) } else { Err(ChunkError::MissingLineEnd) }
}

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests;
