//! Straight into a mapping of the file.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use aqueduct_sys::{Errno, Reserve, WriteMapping, fallocate, read};

use super::{Fault, Observe};
use crate::retry::is_refusal;
use crate::uninterrupted;

/// The state of the route `mmap`.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    pub(super) durable: bool,
    window: Option<Window>,
    /// Whether space was reserved, and the file so made longer than its content.
    has_grown: bool,
}

/// A stretch of the target, its space reserved, mapped for writing.
#[derive(Debug)]
struct Window {
    mapping: WriteMapping,
    range: Range<u64>,
}

impl Mapped {
    /// One read into the mapping; 0 is the end of the source.
    pub(super) fn receive(
        &mut self,
        source: BorrowedFd<'_>,
        target: &File,
        offset: u64,
        len_max: usize,
        observe: &mut Observe<'_>,
    ) -> Result<usize, Fault> {
        let window = self.window_at(target, offset, len_max)?;
        let start = usize::try_from(offset - window.range.start).expect("a window is addressable memory");
        let room = &mut window.mapping[start..];
        let len = room.len().min(len_max);
        let room = &mut room[..len];
        let filled = match uninterrupted(|| read(source, &mut *room)) {
            // read(2): the buffer is not to be had. It is a page of the target, which its disk or a quota refused.
            Err(error) if error.errno() == Errno::FAULT => return Err(Fault::Target(error.into())),
            filled => filled?,
        };
        if filled > 0 {
            observe(&room[..filled]);
        }
        Ok(filled)
    }

    pub(super) fn finish(&mut self, target: &File, size: u64) -> io::Result<()> {
        self.retire()?;
        if self.has_grown { target.set_len(size) } else { Ok(()) }
    }

    /// The window that has room at `offset`, opened if there is none.
    fn window_at(&mut self, target: &File, offset: u64, len_max: usize) -> Result<&mut Window, Fault> {
        if !self.window.as_ref().is_some_and(|window| window.range.contains(&offset)) {
            self.retire()?;
            let range = self.reserve(target, offset, len_max)?;
            let mapping = WriteMapping::new(target, range.clone()).map_err(|_| Fault::Refused)?;
            self.window = Some(Window { mapping, range });
        }
        Ok(self.window.as_mut().expect("opened above"))
    }

    /// Reserves a window's space, so that a full disk is an error here and not SIGBUS at a touch. On a disk that is
    /// nearly full, only as much as this step may need.
    fn reserve(&mut self, target: &File, offset: u64, len_max: usize) -> Result<Range<u64>, Fault> {
        let least = WINDOW_LEN.min(len_max as u64);
        let reserved = |len| uninterrupted(|| fallocate(target, Reserve::Grow, offset, len)).map(|()| len);
        let len = reserved(WINDOW_LEN).or_else(|error| match error.errno() {
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG if least < WINDOW_LEN => reserved(least),
            _ => Err(error),
        });
        match len {
            Ok(len) => {
                self.has_grown = true;
                Ok(offset..offset + len)
            }
            Err(error) if is_refusal(error.errno()) => Err(Fault::Refused),
            Err(error) => Err(Fault::Target(error.into())),
        }
    }

    fn retire(&mut self) -> io::Result<()> {
        if let Some(window) = self.window.take()
            && self.durable
        {
            window.mapping.sync()?;
        }
        Ok(())
    }
}

/// Long enough that reserving and mapping cost little beside the bytes.
const WINDOW_LEN: u64 = 8 * 1024 * 1024;
