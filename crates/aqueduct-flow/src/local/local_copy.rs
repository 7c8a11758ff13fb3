//! One file being copied.

use std::fs::File;
use std::io;
use std::ops::Range;

use aqueduct_sys::{Error, FileType, Stat, copy_file_range, pread, reflink, seek_to, sendfile, stat};

use super::CopyLadder;
use super::holes::Holes;
use super::ladder::{LAST_RUNG, Pair, is_descent};
use crate::buffer::Buffer;
use crate::write_all::write_all_at;
use crate::{Carried, Route, SourceChanged, SourceTruncated, Step, uninterrupted};

/// One file being copied to another; made by [`CopyLadder::begin`].
#[derive(Debug)]
pub struct LocalCopy<'a> {
    ladder: &'a CopyLadder,
    pair: Pair,
    /// The rungs left to try, the next one last. Invariant: never empty, [`LAST_RUNG`] is the first.
    rungs: Vec<Route>,
    source: &'a File,
    target: &'a File,
    /// The source when the copy began.
    before: Stat,
    holes: Holes,
    /// The stretch of data in work. Invariant: `position <= data.end`.
    data: Range<u64>,
    /// Everything before this offset is copied, or a hole.
    position: u64,
    carried: Carried,
    is_finished: bool,
}

impl<'a> LocalCopy<'a> {
    pub(super) fn begin(ladder: &'a CopyLadder, source: &'a File, target: &'a File) -> io::Result<Self> {
        let before = stat(source)?;
        let target_before = stat(target)?;
        if [&before, &target_before].iter().any(|found| found.file_type() != FileType::RegularFile) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "only regular files are copied"));
        }
        if target_before.size != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the target of a copy must be empty"));
        }
        let pair = (before.device, target_before.device);
        let mut rungs = if before.size == 0 { vec![LAST_RUNG] } else { ladder.rungs(pair) };
        rungs.reverse();
        Ok(Self {
            ladder,
            pair,
            rungs,
            source,
            target,
            before,
            holes: Holes::of(&before),
            data: 0..0,
            position: 0,
            carried: Carried::default(),
            is_finished: false,
        })
    }

    /// The rung in use. [`Self::carried`] says what each has carried.
    #[must_use]
    pub fn route(&self) -> Route {
        *self.rungs.last().expect("the last rung is never left")
    }

    /// Which routes carried the bytes so far. Holes are not carried.
    #[must_use]
    pub fn carried(&self) -> &Carried {
        &self.carried
    }

    /// How far into the source everything is copied, or known to be a hole.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Copies up to `len_max` bytes; a reflink is the whole file in one step, whatever `len_max`. Holes are passed over
    /// and not counted: [`Self::position`] shows the progress. Never answers `Step::Blocked`; waits for the disk.
    ///
    /// # Errors
    ///
    /// [`SourceChanged`] if the source was written or resized meanwhile, [`SourceTruncated`] if it ends before the size it
    /// claims; otherwise what the kernel said, such as `StorageFull`. The target is then worthless.
    pub fn step(&mut self, len_max: usize) -> io::Result<Step> {
        if self.is_finished {
            return Ok(Step::End);
        }
        if len_max == 0 {
            return Ok(Step::Moved(0));
        }
        loop {
            let rung = self.route();
            match self.climb(rung, len_max) {
                Ok(Some(0)) if rung == LAST_RUNG => return Err(self.ended_early()),
                // The kernel sees no data where the size promises some: it may be wrong, as copy_file_range(2) was
                // from 5.3 to 5.18. A read will tell.
                Ok(Some(0)) => drop(self.rungs.pop()),
                Ok(Some(len)) => {
                    self.position += len;
                    self.carried.add(rung, len);
                    return Ok(Step::Moved(usize::try_from(len).unwrap_or(usize::MAX)));
                }
                Ok(None) => {
                    self.finish()?;
                    return Ok(Step::End);
                }
                Err(error) if rung != LAST_RUNG && is_descent(error.errno()) => {
                    self.ladder.note(self.pair, rung, error.errno());
                    self.rungs.pop();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One call of `rung`; `None` if nothing is left to copy.
    fn climb(&mut self, rung: Route, len_max: usize) -> Result<Option<u64>, Error> {
        if self.before.size == 0 {
            // Empty, or a file of /proc, which has no size: only its end will tell.
            let len = self.copy(len_max)?;
            return Ok((len > 0).then_some(len as u64));
        }
        if rung == Route::Reflink && self.position == 0 {
            uninterrupted(|| reflink(self.source, self.target))?;
            return Ok(Some(self.before.size));
        }
        let Some(data_len) = self.seek_data() else { return Ok(None) };
        let len = usize::try_from(data_len).map_or(len_max, |len| len.min(len_max));
        let offset = self.position;
        let moved = match rung {
            Route::CopyFileRange => {
                uninterrupted(|| copy_file_range(self.source, offset, self.target, offset, len))?
            }
            Route::Sendfile => self.sendfile(len)?,
            _ => self.copy(len)?,
        };
        Ok(Some(moved as u64))
    }

    fn sendfile(&self, len: usize) -> Result<usize, Error> {
        // sendfile(2) writes at the position of its target, which has no offset of its own.
        seek_to(self.target, self.position)?;
        uninterrupted(|| sendfile(self.target, self.source, self.position, len))
    }

    fn copy(&self, len_max: usize) -> Result<usize, Error> {
        let mut buffer = Buffer::take();
        let len = buffer.len().min(len_max);
        let filled = uninterrupted(|| pread(self.source, &mut buffer[..len], self.position))?;
        write_all_at(self.target, &buffer[..filled], self.position)?;
        Ok(filled)
    }

    /// Moves the position to the next data and returns how much there is; `None` if only a hole follows.
    fn seek_data(&mut self) -> Option<u64> {
        if self.position >= self.data.end {
            let found = self.holes.next_data(self.source, self.position, self.before.size);
            let Some(data) = found else {
                self.position = self.before.size;
                return None;
            };
            self.position = data.start;
            self.data = data;
        }
        Some(self.data.end - self.position)
    }

    /// Gives the target the size of the source, for a hole at its end, and makes sure that the source was left alone.
    fn finish(&mut self) -> io::Result<()> {
        self.check_unchanged()?;
        if stat(self.target)?.size < self.before.size {
            self.target.set_len(self.before.size)?;
        }
        self.is_finished = true;
        Ok(())
    }

    fn check_unchanged(&self) -> io::Result<()> {
        let after = stat(self.source)?;
        let (size_before, size_after) = (self.before.size, after.size);
        // What has no size has no meaningful time either.
        if size_after != size_before || (size_before > 0 && after.mtime != self.before.mtime) {
            return Err(SourceChanged { size_before, size_after }.into());
        }
        Ok(())
    }

    fn ended_early(&self) -> io::Error {
        let truncated = SourceTruncated { offset: self.position, missing: self.before.size - self.position };
        self.check_unchanged().err().unwrap_or_else(|| truncated.into())
    }
}
