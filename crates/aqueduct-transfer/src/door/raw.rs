//! Bare bytes, as `nc` sends and takes them: where they end is where a side of the connection ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_flow::{
    Carried, Extent, Intake, ReceiveRoute, Route, SendQueue, SendRoute, Side, Step, uninterrupted,
};
use aqueduct_sys::{Errno, Readiness, read};

use super::peer::{Manner, Peer, TICK, lost};
use crate::{Error, ErrorKind};

/// What is sent.
pub(crate) enum RawSource<'a> {
    /// So many bytes of a file, from its start.
    File(Arc<File>, u64),
    /// What a reader gives, to its end. One that returns `WouldBlock` or `TimedOut` now and then, where it has nothing yet, can
    /// be stopped meanwhile.
    Reader(&'a mut dyn Read),
}

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawSent {
    /// Bytes, all of which the other side's kernel has acknowledged. Whether anybody read them there, nobody knows.
    pub(crate) size: u64,
    /// What carried them.
    pub(crate) carried: Carried,
}

/// Sends bytes, ends our side, and returns when the other side's kernel has acknowledged everything, whether it ends its own side
/// or not. What it says meanwhile is thrown away. The gauge counts what was acknowledged.
///
/// # Errors
///
/// [`ErrorKind::Network`] for a connection that was reset, or an other side that took nothing for `times.idle`;
/// [`ErrorKind::Changed`] for a file that became shorter; [`ErrorKind::Source`] for a source that cannot be read.
pub(crate) fn send_raw(
    stream: &TcpStream,
    source: RawSource<'_>,
    manner: Manner<'_>,
) -> Result<RawSent, Error> {
    let mut peer = Peer::new(stream, manner)?;
    let mut told = Told::default();
    let (size, carried) = match source {
        RawSource::File(file, size) => {
            let mut queue = SendQueue::to_socket(SendRoute::Sendfile);
            let mut offset = 0;
            while offset < size {
                let end = size.min(offset + TURN_LEN);
                queue.push_extent(Extent::new(Arc::clone(&file), offset..end));
                peer.send(&mut queue, true)?;
                told.tell(&mut peer, end)?;
                offset = end;
            }
            (size, *queue.carried())
        }
        RawSource::Reader(reader) => send_read(&mut peer, reader, &mut told)?,
    };
    peer.finish()?;
    told.tell(&mut peer, size)?;
    Ok(RawSent { size, carried })
}

fn send_read(peer: &mut Peer<'_>, reader: &mut dyn Read, told: &mut Told) -> Result<(u64, Carried), Error> {
    let mut size = 0;
    let mut carried = Carried::default();
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let len = match reader.read(&mut buffer) {
            Ok(0) => return Ok((size, carried)),
            Ok(len) => len,
            Err(error) if is_nothing_yet(&error) => {
                // Who has nothing to send has no say in how long that takes.
                peer.moved();
                peer.wait(&[], Duration::ZERO)?;
                continue;
            }
            Err(error) => return Err(Error::source_file("the source cannot be read", error)),
        };
        let mut queue = SendQueue::to_socket(SendRoute::Copy);
        queue.push_memory(buffer[..len].to_vec());
        peer.send(&mut queue, true)?;
        size += len as u64;
        carried.add(Route::Copy, len as u64);
        told.tell(peer, size)?;
    }
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What the gauge was told.
#[derive(Debug, Default)]
struct Told(u64);

impl Told {
    /// Tells the gauge what was acknowledged of `sent` bytes.
    fn tell(&mut self, peer: &mut Peer<'_>, sent: u64) -> Result<(), Error> {
        let acked = peer.acked()?.min(sent);
        peer.manner.gauge.add_verified(acked.saturating_sub(self.0));
        self.0 = self.0.max(acked);
        Ok(())
    }
}

/// Where what is received goes.
pub(crate) enum RawTarget<'a> {
    /// Into a file, from its start: open for reading and writing, not in append mode.
    File(&'a File),
    /// To a writer, such as standard output.
    Writer(&'a mut dyn Write),
}

/// What came of receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawReceived {
    /// Bytes.
    pub(crate) size: u64,
    /// What carried them.
    pub(crate) carried: Carried,
    /// Whether the other side fell silent, and ended only when this side had ended its own. Some programs do that when their
    /// input has ended, and some stop there although it has not: without a size or a digest nobody knows.
    pub(crate) was_silent: bool,
}

/// Receives bytes until the other side ends its own, or, where `size` is known, until there are so many. Each is shown to
/// `observe` on its way. The gauge counts what was received.
///
/// Our side is ended only when all has come, or when the other side was silent for `times.idle`: `nc` of OpenBSD without `-N`
/// never ends its side before the other has, and the traditional one throws away what it has not sent when the other does.
///
/// # Errors
///
/// [`ErrorKind::Network`] for a connection that was reset, or an other side that is silent and does not end;
/// [`ErrorKind::NoSpace`] and [`ErrorKind::Local`] where it cannot be written.
pub(crate) fn receive_raw(
    stream: &TcpStream,
    mut target: RawTarget<'_>,
    size: Option<u64>,
    observe: &mut dyn FnMut(&[u8]),
    manner: Manner<'_>,
) -> Result<RawReceived, Error> {
    let mut peer = Peer::new(stream, manner)?;
    let mut intake = Intake::new(ReceiveRoute::Splice);
    let mut received = RawReceived { size: 0, carried: Carried::default(), was_silent: false };
    let mut has_ended_ours = false;
    loop {
        manner.check()?;
        let due = size.map_or(u64::MAX, |size| size - received.size);
        if due == 0 && !has_ended_ours {
            // It need not wait for an end that some never make.
            end_ours(stream, &mut has_ended_ours);
        }
        let len_max = usize::try_from(due.min(peer.turn_len() as u64)).unwrap_or(peer.turn_len());
        // One more byte than was promised tells that the promise is broken.
        let len_max = len_max.max(1);
        let step = match &mut target {
            RawTarget::File(file) => receive_step(&mut intake, stream, file, received.size, len_max, observe),
            RawTarget::Writer(writer) => write_step(stream, *writer, len_max, observe, &mut received.carried),
        }?;
        match step {
            Step::Moved(_) if due == 0 => {
                return Err(Error::new(ErrorKind::Mismatch, "more bytes came than were to be expected"));
            }
            Step::Moved(len) => {
                received.size += len as u64;
                manner.gauge.add_verified(len as u64);
                peer.moved();
                peer.pace(len)?;
            }
            Step::End => break,
            Step::Blocked(_) => {
                let is_ready = peer.wait(&[Readiness::Readable], TICK)?;
                if due == 0 && !is_ready {
                    // All is here. More would be a mistake, and came at once.
                    break;
                }
                if !is_ready && peer.is_late() {
                    if has_ended_ours || received.size == 0 {
                        return Err(peer.late());
                    }
                    end_ours(stream, &mut has_ended_ours);
                    received.was_silent = true;
                    peer.moved();
                }
            }
        }
    }
    if !has_ended_ours {
        end_ours(stream, &mut has_ended_ours);
    }
    if let RawTarget::File(file) = target {
        received.carried = intake
            .finish(file, received.size)
            .map_err(|error| Error::disk("cannot write what was received", error))?;
    }
    Ok(received)
}

/// That it is closed already is no matter: what there is to receive is received.
fn end_ours(stream: &TcpStream, has_ended_ours: &mut bool) {
    let _ = stream.shutdown(Shutdown::Write);
    *has_ended_ours = true;
}

fn receive_step(
    intake: &mut Intake,
    stream: &TcpStream,
    file: &File,
    offset: u64,
    len_max: usize,
    observe: &mut dyn FnMut(&[u8]),
) -> Result<Step, Error> {
    let step = intake.step(stream.as_fd(), file, offset, len_max, observe);
    step.map_err(|error| match intake.failed_side() {
        Some(Side::Source) => lost(error),
        _ => Error::disk("cannot write what was received", error),
    })
}

fn write_step(
    stream: &TcpStream,
    writer: &mut dyn Write,
    len_max: usize,
    observe: &mut dyn FnMut(&[u8]),
    carried: &mut Carried,
) -> Result<Step, Error> {
    let mut buffer = [0; WRITE_LEN];
    let len = len_max.min(buffer.len());
    let len = match uninterrupted(|| read(stream, &mut buffer[..len])) {
        Ok(0) => return Ok(Step::End),
        Ok(len) => len,
        Err(error) if error.errno() == Errno::AGAIN => return Ok(Step::Blocked(Side::Source)),
        Err(error) => return Err(lost(error.into())),
    };
    writer.write_all(&buffer[..len]).map_err(|error| Error::disk("cannot write to the output", error))?;
    observe(&buffer[..len]);
    carried.add(Route::Copy, len as u64);
    Ok(Step::Moved(len))
}

/// After so many bytes the gauge is told.
const TURN_LEN: u64 = 4 << 20;

/// What is read of a source that is no file, at once.
const BUFFER_LEN: usize = 256 << 10;

/// What is written at once to what is no file.
const WRITE_LEN: usize = 64 << 10;

#[cfg(test)]
mod tests;
