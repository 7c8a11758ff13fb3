//! A file that comes in segments.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aqueduct_blob::{Algorithm, Digest, Record, parallel};
use aqueduct_sys::{Access, fdatasync, fsync, open_file, stat};
use aqueduct_wire::transfer::Meta;

use super::Inner;
use super::journal::{Entry, Place};
use super::tree::Named;
use crate::{Error, Sync};

/// A file that comes in segments, in any order, from several connections: what is there of it, and where its bytes go.
///
/// It is opened when somebody first asks for the [file](Self::file), and closed when the last of these is dropped: a sender
/// may speak of more files than a process may have open.
#[derive(Debug)]
pub(crate) struct Arriving {
    pub(super) inner: Arc<Inner>,
    pub(super) named: Named,
    pub(super) place: Place,
    /// In the journal; a stream is in none.
    pub(super) number: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) meta: Meta,
    pub(super) restored: Vec<Record>,
    pub(super) is_whole: bool,
    pub(super) has_room: bool,
    pub(super) opened: OnceLock<File>,
    pub(super) opening: Mutex<()>,
}

impl Arriving {
    /// The file, for reading and writing at any offset.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened: somebody has taken it away.
    pub(crate) fn file(&self) -> Result<&File, Error> {
        if let Some(file) = self.opened.get() {
            return Ok(file);
        }
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.opened.get() {
            return Ok(file);
        }
        let dir = self.inner.tree.open(self.named.parent)?;
        let staged = self.inner.tree.staged(self.named.parent, &self.named.name);
        let file = open_file(&dir, staged, Access::ReadWrite)
            .map_err(|error| self.failed("cannot open", error.into()))?;
        Ok(self.opened.get_or_init(|| file.into()))
    }

    /// What is in a file whose bytes are all there; `None` where that cannot be read.
    pub(crate) fn hash(&self, algorithm: Algorithm) -> Option<Digest> {
        let dir = self.inner.tree.open(self.named.parent).ok()?;
        let staged = self.inner.tree.staged(self.named.parent, &self.named.name);
        // It may have the mode that it is to have in the end, and refuse to be written to.
        let file = File::from(open_file(&dir, staged, Access::Read).ok()?);
        let read = |offset, buffer: &mut [u8]| file.read_exact_at(buffer, offset);
        parallel::hash(algorithm, self.size?, NonZero::<usize>::MIN, read).ok().map(|hashed| hashed.digest)
    }

    /// Whether room for all of it is reserved.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room
    }

    /// Its size; `None` of a stream.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// What an earlier attempt has left, in order. What it was not recorded for has to come again.
    pub(crate) fn restored(&self) -> &[Record] {
        &self.restored
    }

    /// Whether an earlier attempt has [finished](Self::finish) it, be there records or none: nothing is to be written. What
    /// has all its records and is not finished is none of these: nobody has found out yet whether they are one file.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Remembers that a segment is in the file, and is what it must be.
    ///
    /// # Errors
    ///
    /// Where the journal cannot be written.
    pub(crate) fn record(&self, record: &Record) -> Result<(), Error> {
        if let Some(size) = self.size {
            let range = aqueduct_blob::segment_range(size, record.index);
            self.inner.add_landed(range.end - range.start);
        }
        let Some(number) = self.number else { return Ok(()) };
        self.journal(&Entry::Segment { number, record: *record })
    }

    /// Forgets a segment, before other bytes are written in its place.
    ///
    /// # Errors
    ///
    /// Where the journal cannot be written: then nothing may be written in its place.
    pub(crate) fn forget(&self, index: u64) -> Result<(), Error> {
        let Some(number) = self.number else { return Ok(()) };
        self.journal(&Entry::Dropped { number, index })
    }

    /// Gives it its size, and what else is kept of it, once all of it is there and verified; and syncs it, where that was
    /// asked for.
    ///
    /// # Errors
    ///
    /// Where the disk fails. After a sync that failed nothing of the file is held any more.
    pub(crate) fn finish(&self, size: u64) -> Result<(), Error> {
        if self.is_whole {
            return Ok(());
        }
        let file = self.file()?;
        let failed = |error: io::Error| self.failed("cannot write", error);
        if stat(file).map_err(|error| failed(error.into()))?.size != size {
            file.set_len(size).map_err(failed)?;
        }
        self.inner
            .keeper
            .keep(file, &self.meta, UNFINISHED_MODE, || {
                self.inner.tree.path_of(self.named.parent, &self.named.name)
            })
            .map_err(|error| failed(error.into()))?;
        let synced = match self.inner.sync {
            Sync::None => Ok(()),
            Sync::Data => fdatasync(file),
            Sync::Full => fsync(file),
        };
        synced.map_err(|error| {
            // What the kernel could not write is not in its memory any more, either.
            let _ = self.inner.journal.append_now(&Entry::Gone(self.place));
            self.failed("cannot sync", error.into())
        })?;
        let Some(number) = self.number else { return Ok(()) };
        let finished = self.inner.journal.append(&Entry::Finished { number });
        finished.map_err(|error| self.inner.journal_failed(error))
    }

    fn journal(&self, entry: &Entry) -> Result<(), Error> {
        self.inner.journal.append_now(entry).map_err(|error| self.inner.journal_failed(error))
    }

    /// What could not be done with it; where there is no room, how much is missing.
    pub(crate) fn failed(&self, what: &str, error: io::Error) -> Error {
        self.inner.failed(what, &self.inner.tree.path_of(self.named.parent, &self.named.name), error)
    }
}

/// While it arrives: whoever goes on with it has to open it for writing, whatever its mode will be.
pub(super) const UNFINISHED_MODE: u32 = 0o600;
