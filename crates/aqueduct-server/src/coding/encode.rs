//! A blob on its way out, coded.

use std::io;
use std::os::unix::fs::FileExt;

use zstd::stream::raw::{Encoder as Context, Operation, OutBuffer};

use super::{BLOCK_LEN_MAX, Room, is_worth_it};
use crate::find::Found;

/// What coding a blob begins with.
pub(crate) enum Coded {
    /// It would not become much shorter, or there is no room for one more that codes.
    Never,
    /// All of it.
    Whole(Vec<u8>),
    /// What the first of it became, and what makes the rest.
    Begun(Vec<u8>, Box<Coding>),
}

/// A blob that is coded, piece by piece.
pub(crate) struct Coding {
    found: Found,
    /// Up to where it was coded.
    offset: u64,
    context: Context<'static>,
    _room: Room,
}

impl Coded {
    /// Codes the first of a blob.
    pub(crate) fn begin(found: &Found) -> io::Result<Self> {
        let size = found.size();
        if !is_worth_it(size) {
            return Ok(Self::Never);
        }
        let Some(room) = Room::to_code() else { return Ok(Self::Never) };
        let mut context = Context::new(LEVEL)?;
        context.set_pledged_src_size(Some(size))?;
        let mut coding = Coding { found: found.clone(), offset: 0, context, _room: room };
        let piece = coding.next_piece()?;
        Ok(if piece.len() as u64 > coding.offset / 8 * 7 {
            Self::Never
        } else if coding.is_done() {
            Self::Whole(piece)
        } else {
            Self::Begun(piece, Box::new(coding))
        })
    }
}

impl Coding {
    pub(crate) fn is_done(&self) -> bool {
        self.offset == self.found.size()
    }

    /// Codes the next piece, to the end of what was read: a block ends with it, and after the last one the frame does.
    pub(crate) fn next_piece(&mut self) -> io::Result<Vec<u8>> {
        let end = self.found.size().min(self.offset + PIECE_LEN);
        let place = |offset| usize::try_from(offset).map_err(io::Error::other);
        let mut coded = Vec::new();
        match &self.found {
            Found::Bytes(bytes) => {
                encode(&mut self.context, &bytes[place(self.offset)?..place(end)?], &mut coded)?;
            }
            Found::Open(blob) => {
                let mut plain = vec![0; place(end - self.offset)?];
                blob.file().read_exact_at(&mut plain, self.offset)?;
                encode(&mut self.context, &plain, &mut coded)?;
            }
        }
        self.offset = end;
        let is_done = self.is_done();
        finish(&mut self.context, is_done, &mut coded)?;
        Ok(coded)
    }
}

fn encode(context: &mut Context<'static>, mut plain: &[u8], coded: &mut Vec<u8>) -> io::Result<()> {
    let mut block = vec![0; BLOCK_LEN_MAX];
    while !plain.is_empty() {
        let status = context.run_on_buffers(plain, &mut block)?;
        coded.extend_from_slice(&block[..status.bytes_written]);
        plain = &plain[status.bytes_read..];
    }
    Ok(())
}

/// Ends a block, or the frame.
fn finish(context: &mut Context<'static>, is_frame: bool, coded: &mut Vec<u8>) -> io::Result<()> {
    let mut block = vec![0; BLOCK_LEN_MAX];
    loop {
        let mut output = OutBuffer::around(&mut block[..]);
        let left = if is_frame { context.finish(&mut output, true)? } else { context.flush(&mut output)? };
        coded.extend_from_slice(output.as_slice());
        if left == 0 {
            return Ok(());
        }
    }
}

/// The level that takes least time for what it saves: twice as fast as 3, and its output is a tenth longer.
const LEVEL: i32 = 1;

/// What is coded at once, and then held until the peer has taken it.
const PIECE_LEN: u64 = 512 << 10;
