//! The body of an answer, as it comes: never held whole, and never read past its end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use aqueduct_flow::{Intake, Observe, Step};
use aqueduct_wire::http1::{ChunkStep, ChunkedDecoder, ResponseFraming};

use crate::http::connection::{Connection, closed_early, not_http};

/// Where a body ends, and how far it was read.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    Length {
        left: u64,
    },
    Chunked(ChunkedDecoder),
    /// The end of the connection is that of the body, too, and cannot be told from a cut.
    UntilClose {
        is_over: bool,
    },
}

impl Body {
    pub(crate) fn new(framing: ResponseFraming) -> Self {
        let framing = match framing {
            ResponseFraming::None => Framing::Length { left: 0 },
            ResponseFraming::Length(left) => Framing::Length { left },
            ResponseFraming::Chunked => Framing::Chunked(ChunkedDecoder::new()),
            ResponseFraming::UntilClose => Framing::UntilClose { is_over: false },
        };
        Self { framing }
    }

    /// How many bytes there will be, where the head said so.
    pub(crate) fn len(&self) -> Option<u64> {
        match self.framing {
            Framing::Length { left } => Some(left),
            Framing::Chunked(_) | Framing::UntilClose { .. } => None,
        }
    }

    /// Whether it was read to its end, framing and all.
    pub(crate) fn is_over(&self) -> bool {
        match &self.framing {
            Framing::Length { left } => *left == 0,
            Framing::Chunked(decoder) => decoder.is_done(),
            Framing::UntilClose { is_over } => *is_over,
        }
    }

    /// Reads some bytes; 0 is the end.
    pub(crate) fn read(&mut self, connection: &mut Connection, buffer: &mut [u8]) -> io::Result<usize> {
        let due = self.due(connection)?;
        let len = usize::try_from(due).map_or(buffer.len(), |due| due.min(buffer.len()));
        if len == 0 {
            return Ok(0);
        }
        let read = connection.read(&mut buffer[..len])?;
        self.took(read)
    }

    /// Moves some bytes into `file` at `offset`; 0 is the end.
    pub(crate) fn receive(
        &mut self,
        connection: &mut Connection,
        intake: &mut Intake,
        file: &File,
        offset: u64,
        observe: &mut Observe<'_>,
    ) -> io::Result<usize> {
        let due = self.due(connection)?;
        let len = usize::try_from(due).map_or(TURN_LEN, |due| due.min(TURN_LEN));
        if len == 0 {
            return Ok(0);
        }
        // What came together with the head, or with the length of a chunk.
        let pending = connection.pending();
        if !pending.is_empty() {
            let len = len.min(pending.len());
            file.write_all_at(&pending[..len], offset)?;
            observe(&pending[..len]);
            connection.take(len);
            return self.took(len);
        }
        match intake.step(connection.socket(), file, offset, len, observe)? {
            Step::Moved(len) => self.took(len),
            Step::End => self.took(0),
            Step::Blocked(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// How many bytes of the body come next, without framing between them; 0 at its end.
    fn due(&mut self, connection: &mut Connection) -> io::Result<u64> {
        match &mut self.framing {
            Framing::Length { left } => Ok(*left),
            Framing::UntilClose { is_over } => Ok(if *is_over { 0 } else { u64::MAX }),
            Framing::Chunked(decoder) => loop {
                match decoder.step(connection.pending()).map_err(not_http)? {
                    ChunkStep::More { consumed } => {
                        connection.take(consumed);
                        connection.fill()?;
                    }
                    ChunkStep::Data { consumed, len } => {
                        connection.take(consumed);
                        return Ok(len);
                    }
                    ChunkStep::End { consumed } => {
                        connection.take(consumed);
                        return Ok(0);
                    }
                }
            },
        }
    }

    /// Notes what was moved of what was due; nothing is the end of the stream.
    fn took(&mut self, len: usize) -> io::Result<usize> {
        match &mut self.framing {
            Framing::UntilClose { is_over } => *is_over = len == 0,
            _ if len == 0 => return Err(closed_early()),
            Framing::Length { left } => *left -= len as u64,
            Framing::Chunked(decoder) => decoder.take(len as u64),
        }
        Ok(len)
    }
}

/// What one turn receives: what the largest pipe holds.
const TURN_LEN: usize = 1 << 20;
