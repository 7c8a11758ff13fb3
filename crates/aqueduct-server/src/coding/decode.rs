//! A coded body on its way in.

use std::io;

use zstd::stream::raw::{DParameter, Decoder as Context, Operation};

use super::{BLOCK_LEN_MAX, Room, WINDOW_LOG_MAX};
use crate::door::Refusal;

/// Decodes a body of any number of frames. What it has to remember is within the window, whatever a frame asks for.
pub(crate) struct Decoder {
    context: Context<'static>,
    /// What the peer says the blob has.
    size: Option<u64>,
    size_max: u64,
    coded_len: u64,
    decoded_len: u64,
    /// Nothing of a frame was read that has not ended.
    is_between_frames: bool,
    _room: Room,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Bytes of the body that are done with.
    pub(crate) consumed: usize,
    /// Bytes of the blob that were made.
    pub(crate) len: usize,
}

/// Why a body is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCoding {
    #[error("it is not zstd, or needs a window of more than 8 MiB or a dictionary: {reason}")]
    Corrupt { reason: String },
    #[error("it ends in the middle of a frame, or has none")]
    Truncated,
    #[error("it does not have the {said} bytes that X-Digest-SizeBytes says")]
    OtherSize { said: u64 },
    #[error("it has more than {limit} bytes when it is decoded")]
    TooLarge { limit: u64 },
    #[error("it becomes more than {RATIO_MAX} times as long; send it as it is")]
    TooDense,
    #[error("X-Digest-SizeBytes is not a number of bytes")]
    NoSize,
    /// There is no room for another decoder.
    #[error("too many coded bodies are under way")]
    Busy,
    /// There is no memory for one.
    #[error("there is no memory to decode it")]
    Memory,
}

impl From<BadCoding> for Refusal {
    fn from(error: BadCoding) -> Self {
        match error {
            BadCoding::TooLarge { limit } => Self::TooLarge { limit },
            BadCoding::Busy => Self::Overloaded,
            BadCoding::Memory => Self::Short,
            error => Self::BadCoding(error),
        }
    }
}

impl Decoder {
    /// For a blob of at most `size_max` bytes, and exactly `size` if the peer says so.
    pub(crate) fn new(size: Option<u64>, size_max: u64) -> Result<Self, BadCoding> {
        let room = Room::to_decode().ok_or(BadCoding::Busy)?;
        let mut context = Context::new().map_err(|_| BadCoding::Memory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(corrupt)?;
        Ok(Self {
            context,
            size,
            size_max: size.map_or(size_max, |size| size.min(size_max)),
            coded_len: 0,
            decoded_len: 0,
            is_between_frames: true,
            _room: room,
        })
    }

    /// Whether `len` bytes more may come before any of them is read. Nobody needs many more to say what is stored; frames that
    /// hold nothing can be repeated for ever.
    pub(crate) fn admit(&self, len: u64) -> Result<(), BadCoding> {
        let coded_max = self.size_max.saturating_add(self.size_max / 128).saturating_add(SLACK_LEN);
        if self.coded_len.saturating_add(len) > coded_max {
            return Err(BadCoding::TooLarge { limit: self.size_max });
        }
        Ok(())
    }

    /// Takes some of `coded`, and makes some of the blob. Neither only if `coded` is empty and nothing waits inside.
    ///
    /// Where `output` is filled, more may wait inside, which comes without any input. [`BLOCK_LEN_MAX`] is as much room as it
    /// takes.
    pub(crate) fn decode(&mut self, coded: &[u8], output: &mut [u8]) -> Result<Decoded, BadCoding> {
        // Between two frames it would take no input for the beginning of another one.
        if coded.is_empty() && self.is_between_frames {
            return Ok(Decoded { consumed: 0, len: 0 });
        }
        let status = self.context.run_on_buffers(coded, output).map_err(corrupt)?;
        let decoded = Decoded { consumed: status.bytes_read, len: status.bytes_written };
        self.is_between_frames = status.remaining == 0;
        self.coded_len += decoded.consumed as u64;
        self.decoded_len += decoded.len as u64;
        if self.decoded_len > self.size_max {
            return Err(match self.size {
                Some(said) if said == self.size_max => BadCoding::OtherSize { said },
                _ => BadCoding::TooLarge { limit: self.size_max },
            });
        }
        if self.decoded_len > FREE_LEN.saturating_add(self.coded_len.saturating_mul(RATIO_MAX)) {
            return Err(BadCoding::TooDense);
        }
        Ok(decoded)
    }

    /// The body has ended.
    pub(crate) fn finish(&self) -> Result<(), BadCoding> {
        if !self.is_between_frames || self.coded_len == 0 {
            return Err(BadCoding::Truncated);
        }
        match self.size {
            Some(said) if said != self.decoded_len => Err(BadCoding::OtherSize { said }),
            _ => Ok(()),
        }
    }
}

/// All that a whole body holds.
pub(crate) fn decode_all(coded: &[u8], size: Option<u64>, size_max: u64) -> Result<Vec<u8>, BadCoding> {
    let mut decoder = Decoder::new(size, size_max)?;
    decoder.admit(coded.len() as u64)?;
    let (mut blob, mut block, mut rest) = (Vec::new(), vec![0; BLOCK_LEN_MAX], coded);
    loop {
        let Decoded { consumed, len } = decoder.decode(rest, &mut block)?;
        rest = &rest[consumed..];
        blob.extend_from_slice(&block[..len]);
        if rest.is_empty() && len < block.len() {
            return decoder.finish().map(|()| blob);
        }
    }
}

/// What libzstd says is one of a few dozen sentences of its own.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn corrupt(error: io::Error) -> BadCoding {
    BadCoding::Corrupt { reason: error.to_string() }
}

/// What a coded body may have beyond what it holds: the heads of frames, and a few that are skipped.
const SLACK_LEN: u64 = 64 << 10;

/// How much may be made of next to nothing.
const FREE_LEN: u64 = 64 << 20;

/// Beyond [`FREE_LEN`], what a byte may become. Programs and logs shrink to a tenth; what shrinks to less than this are zeros,
/// and a few of their bytes would keep a disk and a core busy for as long as a blob may be large.
const RATIO_MAX: u64 = 1000;
