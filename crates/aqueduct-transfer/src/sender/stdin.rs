//! Bytes whose end tells their size.

use std::io::Read;
use std::sync::atomic::Ordering;

use aqueduct_blob::Hasher;
use aqueduct_flow::uninterrupted;
use aqueduct_sys::{Readiness, wait_at_most};
use aqueduct_wire::transfer::{Entry, EntryId, Kind, Meta, Verify, Word};

use super::queue::Next;
use super::{Attempt, STDIN_NAME};
use crate::line::{Line, TICK};
use crate::{Error, ErrorKind};

impl Attempt<'_> {
    /// Sends standard input to its end. It cannot be read twice: a connection that is lost ends it.
    pub(super) fn send_stdin(&self, line: &Line) -> Result<(), Error> {
        let id = EntryId(1);
        let meta = Meta { mode: 0o644, ..Meta::default() };
        let entry = Entry { id, parent: EntryId::ROOT, name: STDIN_NAME.to_vec(), meta, kind: Kind::Stream };
        line.say(&Word::Entries(vec![entry]))?;
        let mut hasher = (self.verify == Verify::Full).then(|| Hasher::new(self.sender.send.algorithm));
        let mut buffer = vec![0; BUFFER_LEN];
        let mut stdin = std::io::stdin().lock();
        let mut offset = 0;
        loop {
            self.patience.check_stop()?;
            if self.queue.is_over() {
                return Ok(());
            }
            if !has_input()? {
                continue;
            }
            self.sender.has_read.store(true, Ordering::Relaxed);
            let len = match stdin.read(&mut buffer) {
                Ok(len) => len,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::source_file("cannot read standard input", error)),
            };
            if len == 0 {
                break;
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(&buffer[..len]);
            }
            self.pace(len as u64)?;
            line.say_with(&Word::Bytes { entry: id, offset }, &buffer[..len])?;
            offset += len as u64;
        }
        let digest = hasher.map(|hasher| hasher.finish().digest);
        self.queue.count(|tally| {
            tally.file_count = 1;
            tally.size = offset;
            tally.digest = digest;
        });
        self.sender.gauge.set_total(offset);
        line.say(&Word::Whole { entry: id, size: offset, digest: digest.map(|digest| *digest.as_bytes()) })?;
        line.say(&Word::End { file_count: 1, left_count: 0 })?;
        let Next::Over = self.queue.next(false) else {
            return Err(Error::new(ErrorKind::Protocol, "the receiver asks for what cannot be read twice"));
        };
        Ok(())
    }
}

/// Whether standard input has something to be read, or has ended. Looked at for a while only, so that whoever waits for input
/// can be stopped.
pub(crate) fn has_input() -> Result<bool, Error> {
    let is_ready = uninterrupted(|| wait_at_most(std::io::stdin(), &[Readiness::Readable], TICK));
    is_ready.map_err(|error| Error::source_file("cannot read standard input", error.into()))
}

/// As large as what a pipe gives at most, and small enough to stay in a core's cache.
const BUFFER_LEN: usize = 256 * 1024;
