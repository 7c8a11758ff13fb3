//! The body of an answer, as it comes: never held whole, and never read past its end.

use std::fs::File;
use std::os::fd::AsFd;

use aqueduct_flow::{Carried, Intake, ReceiveRoute, Side, Step};
use aqueduct_sys::Readiness;
use aqueduct_wire::http1::{ChunkStep, ChunkedDecoder, ResponseFraming};

use super::super::peer::{Peer, TICK, lost};
use crate::{Error, ErrorKind};

/// Where a body ends, and what has come of it already.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    /// Came together with the head, or with the length of a chunk.
    inbox: Vec<u8>,
    /// Bytes of that which were taken.
    taken: usize,
}

#[derive(Debug)]
enum Framing {
    Length {
        left: u64,
    },
    Chunked(ChunkedDecoder),
    /// The end of the connection is that of the body, too.
    UntilClose {
        is_over: bool,
    },
}

impl Body {
    pub(super) fn new(framing: ResponseFraming) -> Self {
        let framing = match framing {
            ResponseFraming::None => Framing::Length { left: 0 },
            ResponseFraming::Length(left) => Framing::Length { left },
            ResponseFraming::Chunked => Framing::Chunked(ChunkedDecoder::new()),
            ResponseFraming::UntilClose => Framing::UntilClose { is_over: false },
        };
        Self { framing, inbox: Vec::new(), taken: 0 }
    }

    pub(super) fn with_rest(self, rest: &[u8]) -> Self {
        Self { inbox: rest.to_vec(), taken: 0, ..self }
    }

    /// Whether its end can be told from a connection that was cut.
    pub(super) fn is_end_known(&self) -> bool {
        !matches!(self.framing, Framing::UntilClose { .. })
    }

    /// Receives all of it into `file` from `offset` on. Says where that ends.
    pub(super) fn receive(
        &mut self,
        peer: &mut Peer<'_>,
        file: &File,
        mut offset: u64,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<(u64, Carried), Error> {
        let mut intake = Intake::new(ReceiveRoute::Splice);
        loop {
            let due = self.due(peer)?;
            if due == 0 {
                break;
            }
            peer.manner.check()?;
            let len_max = usize::try_from(due.min(peer.turn_len() as u64)).unwrap_or(peer.turn_len());
            let pending = &self.inbox[self.taken..];
            let len = if pending.is_empty() {
                let step = intake.step(peer.stream.as_fd(), file, offset, len_max, observe);
                let step = step.map_err(|error| match intake.failed_side() {
                    Some(Side::Source) => lost(error),
                    _ => unwritable(error),
                })?;
                match step {
                    Step::Moved(len) => len,
                    Step::End => 0,
                    Step::Blocked(_) => {
                        wait(peer)?;
                        continue;
                    }
                }
            } else {
                let len = pending.len().min(len_max);
                intake.put(&pending[..len], file, offset, observe).map_err(unwritable)?;
                self.taken += len;
                len
            };
            self.took(len)?;
            offset += len as u64;
            peer.manner.gauge.add_verified(len as u64);
            peer.moved();
            peer.pace(len)?;
        }
        let carried = intake.finish(file, offset).map_err(unwritable)?;
        Ok((offset, carried))
    }

    /// How many bytes of the body come next, without framing between them; 0 at its end.
    fn due(&mut self, peer: &mut Peer<'_>) -> Result<u64, Error> {
        let decoder = match &mut self.framing {
            Framing::Length { left } => return Ok(*left),
            Framing::UntilClose { is_over } => return Ok(if *is_over { 0 } else { u64::MAX }),
            Framing::Chunked(decoder) => decoder,
        };
        loop {
            let step = decoder.step(&self.inbox[self.taken..]).map_err(|error| {
                Error::new(ErrorKind::Protocol, "the server's answer breaks off into nonsense").because(error)
            })?;
            match step {
                ChunkStep::More { .. } => {
                    self.taken = 0;
                    self.inbox.resize(FILL_LEN, 0);
                    let read = peer.read(&mut self.inbox);
                    self.inbox.truncate(read.as_ref().ok().copied().flatten().unwrap_or(0));
                    match read? {
                        Some(0) => return Err(cut()),
                        Some(_) => {}
                        None => wait(peer)?,
                    }
                }
                ChunkStep::Data { consumed, len } => {
                    self.taken += consumed;
                    return Ok(len);
                }
                ChunkStep::End { consumed } => {
                    self.taken += consumed;
                    return Ok(0);
                }
            }
        }
    }

    /// Notes what was moved of what was due; nothing is the end of the connection.
    fn took(&mut self, len: usize) -> Result<(), Error> {
        match &mut self.framing {
            Framing::UntilClose { is_over } => *is_over = len == 0,
            _ if len == 0 => return Err(cut()),
            Framing::Length { left } => *left -= len as u64,
            Framing::Chunked(decoder) => decoder.take(len as u64),
        }
        Ok(())
    }
}

fn wait(peer: &Peer<'_>) -> Result<(), Error> {
    if !peer.wait(&[Readiness::Readable], TICK)? && peer.is_late() { Err(peer.late()) } else { Ok(()) }
}

fn cut() -> Error {
    Error::new(ErrorKind::Network, "the server ended the connection before all had come")
}

fn unwritable(error: std::io::Error) -> Error {
    Error::disk("cannot write what was received", error)
}

/// The framing between chunks, and some of what follows.
const FILL_LEN: usize = 4 << 10;
