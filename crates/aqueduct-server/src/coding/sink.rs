//! A coded body on its way into a staging, where it is as if it had come plain.

use std::io;
use std::os::fd::AsFd;

use super::{BLOCK_LEN_MAX, Decoded, Decoder};
use crate::door::{Outcome, Refusal, Write};
use crate::inbox::Inbox;
use crate::pour::Stop;
use crate::scratch::with_scratch;
use crate::server::Shared;
use crate::staged::{self, Staged};
use crate::upload::{Begun, Sink};

/// A body that is decoded as it comes.
pub(crate) struct Decoding {
    decoder: Decoder,
    staged: Staged,
    /// What the last pour made.
    made: usize,
}

/// Begins one. `size` is what the peer says of the blob. For workers.
pub(crate) fn begin(shared: &Shared, write: Write, size: Option<u64>) -> Begun<Decoding> {
    let staged = match staged::begin(shared, write, size) {
        Begun::Over(outcome) => return Begun::Over(outcome),
        Begun::Under(staged) => staged,
    };
    match Decoder::new(size, shared.options.blob_size_max()) {
        Ok(decoder) => Begun::Under(Decoding { decoder, staged, made: 0 }),
        Err(error) => Begun::Over(Outcome::Refused(error.into())),
    }
}

impl Decoding {
    /// Decodes some of `coded`, and stages it. Returns how much of `coded` is done with.
    fn put(&mut self, coded: &[u8]) -> Result<usize, Stop> {
        let (mut consumed, mut made) = (0, 0);
        let staged = &mut self.staged;
        let decoder = &mut self.decoder;
        let outcome = with_scratch(BLOCK_LEN_MAX, |block| {
            loop {
                let Decoded { consumed: more, len } = decoder.decode(&coded[consumed..], block)?;
                consumed += more;
                made += len;
                staged.put(&block[..len])?;
                let is_enough = if consumed == coded.len() {
                    // What was taken of the body leaves nothing behind in the decoder, which holds no more than a block.
                    len < block.len()
                } else {
                    made >= MADE_LEN_MAX
                };
                if is_enough {
                    return Ok(());
                }
            }
        });
        self.made = made;
        outcome.map(|()| consumed)
    }
}

impl Sink for Decoding {
    fn admit(&self, len: u64) -> Result<(), Refusal> {
        self.decoder.admit(len).map_err(Refusal::from)
    }

    fn pour(&mut self, inbox: &mut Inbox, stream: &impl AsFd, len_max: usize) -> Result<Option<usize>, Stop> {
        if inbox.is_empty() {
            match inbox.read_now(stream, len_max.min(READ_LEN)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(Stop::Gone(error)),
            }
        }
        let len = len_max.min(inbox.bytes().len());
        let consumed = self.put(&inbox.bytes()[..len])?;
        inbox.take(consumed);
        Ok(Some(consumed))
    }

    /// What it made of them takes the time.
    fn effort(&self, _: usize) -> usize {
        self.made
    }

    /// What was read and not taken is in the inbox.
    fn lost(&self) -> u64 {
        0
    }

    fn finish(self) -> Outcome {
        match self.decoder.finish() {
            Ok(()) => self.staged.finish(),
            Err(error) => Outcome::Refused(error.into()),
        }
    }

    fn give_up(self) {
        self.staged.give_up();
    }
}

impl From<super::BadCoding> for Stop {
    fn from(error: super::BadCoding) -> Self {
        Self::Refused(error.into())
    }
}

/// What is read at once of a coded body.
const READ_LEN: usize = 64 << 10;

/// What is made at once: a little more, at most.
const MADE_LEN_MAX: usize = 1 << 20;
