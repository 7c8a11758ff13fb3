//! Through a pipe. splice(2) wants a pipe on one side: from a socket straight to a file it is EINVAL.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use aqueduct_sys::{ReadMapping, pread};

use super::{Fault, Observe, copied};
use crate::buffer::Buffer;
use crate::pipe_pool::PooledPipe;
use crate::retry::is_refusal;
use crate::{SourceTruncated, uninterrupted};

/// How many bytes were received, and whether by splice to the end.
pub(super) enum Received {
    /// By splice; 0 is the end of the source.
    Spliced(usize),
    /// The target refused to be spliced into; what was in the pipe was copied.
    Rescued(usize),
}

/// One pipe full, drained to its last byte before this returns.
pub(super) fn receive(
    source: BorrowedFd<'_>,
    target: &File,
    offset: u64,
    len_max: usize,
    observe: &mut Observe<'_>,
) -> Result<Received, Fault> {
    // Without descriptors for a pipe the bytes can still be copied.
    let mut pipe = PooledPipe::take().map_err(|_| Fault::Refused)?;
    let len = len_max.min(pipe.len());
    let filled = pipe
        .fill(source, None, len)
        .map_err(|error| if is_refusal(error.errno()) { Fault::Refused } else { error.into() })?;
    // From here on they exist nowhere else.
    let received = drain(&mut pipe, filled, target, offset, observe);
    received.map_err(|fault| match fault {
        Fault::Source(error) | Fault::Target(error) | Fault::Lost(error, _) => Fault::Lost(error, filled),
        fault => fault,
    })
}

/// Brings everything in the pipe to the target.
fn drain(
    pipe: &mut PooledPipe,
    filled: usize,
    target: &File,
    offset: u64,
    observe: &mut Observe<'_>,
) -> Result<Received, Fault> {
    while pipe.held() > 0 {
        let written = filled - pipe.held();
        match pipe.drain(target.as_fd(), Some(offset + written as u64), false) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(_) => {}
            Err(error) if written == 0 && is_refusal(error.errno()) => {
                rescue(pipe, target, offset, observe)?;
                return Ok(Received::Rescued(filled));
            }
            Err(error) => return Err(Fault::Target(error.into())),
        }
    }
    if filled > 0 {
        observe_written(target, offset, filled, observe)?;
    }
    Ok(Received::Spliced(filled))
}

/// Copies to the target what the pipe holds: these bytes have left the source and exist nowhere else.
fn rescue(pipe: &mut PooledPipe, target: &File, offset: u64, observe: &mut Observe<'_>) -> Result<(), Fault> {
    let mut offset = offset;
    while pipe.held() > 0 {
        let copied = copied::receive(pipe.read_end(), target, offset, pipe.held(), observe)?;
        pipe.drained(copied);
        offset += copied as u64;
    }
    Ok(())
}

/// Shows the observer what the file now has: by a mapping of exactly that, or by reading it where mapping is refused (a
/// target with a name) or not worth its page faults.
///
/// The pages were written a moment ago and are in memory. Were they written back, evicted and then unreadable before the
/// observer came to them, the mapping would be SIGBUS where a read is EIO.
fn observe_written(target: &File, offset: u64, len: usize, observe: &mut Observe<'_>) -> io::Result<()> {
    let end = offset + len as u64;
    if len >= MAPPED_LEN_MIN
        && let Ok(mapping) = ReadMapping::new(target, offset..end)
    {
        observe(&mapping);
        return Ok(());
    }
    let mut buffer = Buffer::take();
    let mut offset = offset;
    while offset < end {
        let len = usize::try_from(end - offset).map_or(buffer.len(), |len| len.min(buffer.len()));
        let filled = uninterrupted(|| pread(target, &mut buffer[..len], offset))?;
        if filled == 0 {
            return Err(SourceTruncated { offset, missing: end - offset }.into());
        }
        observe(&buffer[..filled]);
        offset += filled as u64;
    }
    Ok(())
}

/// Below this a copy is cheaper than a mapping.
const MAPPED_LEN_MIN: usize = 64 * 1024;
