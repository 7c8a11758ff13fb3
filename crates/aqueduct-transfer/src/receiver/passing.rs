//! Streams, and standard output.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use aqueduct_blob::Digest;

use super::Attempt;
use super::arrival::{Arrival, Place};
use super::hearing::mismatch;
use super::segment::discard;
use crate::line::Line;
use crate::{Error, ErrorKind};

impl Attempt<'_> {
    /// Takes the next bytes of a stream. They are verified at its end.
    pub(super) fn take_stream(
        &self,
        line: &Line,
        arrival: &Arrival,
        offset: u64,
        len: u64,
    ) -> Result<(), Error> {
        if matches!(arrival.place, Place::Nowhere) {
            return discard(line, len);
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        line.read_exact(&mut bytes)?;
        arrival.with_stream(|stream| {
            if offset != stream.len {
                return Err(line.nonsense("bytes of a stream are not in order"));
            }
            if let Some(hasher) = &mut stream.hasher {
                hasher.update(&bytes);
            }
            stream.len += len;
            Ok(())
        })?;
        match &arrival.place {
            Place::File(arriving) => arriving
                .file()?
                .write_all_at(&bytes, offset)
                .map_err(|error| arriving.failed("cannot write", error))?,
            Place::Stdout | Place::Nowhere => self.pass(&bytes)?,
        }
        self.receiver.gauge.add_verified(len);
        self.ledger.add_verified(len);
        Ok(())
    }

    pub(super) fn end_stream(
        &self,
        line: &Line,
        arrival: &Arrival,
        size: u64,
        expected: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let (hasher, len) = arrival.with_stream(|stream| (stream.hasher.take(), stream.len));
        if len != size {
            return Err(line.nonsense("a stream has another size than it is said to have"));
        }
        let found = hasher.map(|hasher| hasher.finish().digest);
        if let (Some(found), Some(expected)) = (&found, expected)
            && *found != Digest::new(found.algorithm(), expected)
        {
            return Err(mismatch(arrival, found));
        }
        if let Place::File(arriving) = &arrival.place {
            arriving.finish(size)?;
        }
        self.receiver.gauge.set_total(size);
        self.end_file(arrival, size, found);
        Ok(())
    }

    /// Hands bytes to standard output.
    pub(super) fn pass(&self, bytes: &[u8]) -> Result<(), Error> {
        self.receiver.has_passed.store(true, Ordering::Relaxed);
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => {
                Error::new(ErrorKind::Local, "whoever read standard output is gone").because(error)
            }
            _ => Error::disk("cannot write to standard output", error),
        })
    }
}
