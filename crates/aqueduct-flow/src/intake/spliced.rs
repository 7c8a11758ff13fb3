//! Through a pipe. splice(2) wants a pipe on one side: from a socket straight to a file it is EINVAL.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::{Fault, Observe, copied};
use crate::pipe_pool::PooledPipe;
use crate::retry::is_refusal;

/// How many bytes were received, and whether by splice to the end.
pub(super) enum Received {
    /// By splice; 0 is the end of the source. Nobody was shown them yet.
    Spliced(usize),
    /// The target refused to be spliced into; what was in the pipe was copied, and shown.
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
