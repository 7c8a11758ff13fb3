//! A whole blob in order, a verified segment at a time.

use aqueduct_blob::{segment_count, segment_range};

use super::arrivals::Arrivals;
use super::list::List;
use super::stream::Stream;
use crate::error::Error;
use crate::native::NativeClient;

/// Gives bytes out only once their segment agrees with the checkpoint list, so that damage can still be mended.
pub(super) struct Reader<'c> {
    arrivals: Arrivals<'c>,
    stream: Stream<'c>,
    /// The segment that is given out.
    segment: Vec<u8>,
    /// How much of it was given out.
    given: usize,
    /// The next segment.
    next: u64,
    is_verified: bool,
}

impl<'c> Reader<'c> {
    pub(super) fn new(client: &'c NativeClient, list: &List) -> Self {
        let stream = Stream::new(client, list.digest(), list.size(), 0..list.size());
        let arrivals = Arrivals::new(client, list);
        Self { arrivals, stream, segment: Vec::new(), given: 0, next: 0, is_verified: false }
    }

    /// How many bytes are still to be given out.
    pub(super) fn left(&self) -> u64 {
        let later = self.arrivals.size() - segment_range(self.arrivals.size(), self.next).start;
        later + (self.segment.len() - self.given) as u64
    }

    /// Reads the next bytes; 0 is the end, and says that the whole was verified.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.given == self.segment.len() {
            if self.next == segment_count(self.arrivals.size()) || self.arrivals.size() == 0 {
                return self.verify();
            }
            self.fetch()?;
        }
        let len = buffer.len().min(self.segment.len() - self.given);
        buffer[..len].copy_from_slice(&self.segment[self.given..self.given + len]);
        self.given += len;
        Ok(len)
    }

    /// Fetches the next segment, as often as it takes.
    fn fetch(&mut self) -> Result<(), Error> {
        let range = segment_range(self.arrivals.size(), self.next);
        loop {
            let mut hasher = self.arrivals.begin(self.next).expect("the segment before it has landed");
            let len = usize::try_from(hasher.left()).expect("a segment is 4 MiB");
            self.segment.resize(len, 0);
            let mut filled = 0;
            while filled < len {
                let read = self.stream.read(&mut self.segment[filled..])?;
                hasher.update(&self.segment[filled..filled + read]);
                filled += read;
            }
            self.arrivals.land(hasher)?;
            if self.arrivals.is_held(self.next) {
                break;
            }
            self.stream.seek(range.start);
        }
        self.given = 0;
        self.next += 1;
        Ok(())
    }

    fn verify(&mut self) -> Result<usize, Error> {
        if !self.is_verified && !self.arrivals.is_whole()? {
            return Err(self.arrivals.doubt());
        }
        self.is_verified = true;
        Ok(0)
    }
}
