//! A stream to be put, whatever it goes out by.

use std::io::{self, Read};

use crate::error::Error;

/// Reads the next piece of a stream, past signals, which say nothing about it (signal(7)).
pub(crate) fn read(source: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Error> {
    uninterrupted(|| source.read(buffer)).map_err(|error| Error::local("read the stream", error))
}

/// Calls again where a signal came first.
pub(crate) fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// More than a pipe usually holds, so that a chunk or a frame is one read.
pub(crate) const READ_LEN: usize = 256 << 10;
