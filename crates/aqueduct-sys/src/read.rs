//! read(2), pread(2) and preadv2(2).

use std::io::IoSliceMut;
use std::os::fd::AsFd;

pub use rustix::io::ReadWriteFlags as ReadFlags;

use crate::error::Named;
use crate::{Result, checked, clamped};

/// Reads into `buffer` from the file position, or whatever a pipe or socket has. 0 is the end.
///
/// # Errors
///
/// See read(2).
pub fn read(source: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    let len = clamped(buffer.len());
    rustix::io::read(source, &mut buffer[..len]).named("read")
}

/// Reads into `buffer` from `offset`, leaving the file position alone. 0 is the end of the file.
///
/// # Errors
///
/// ESPIPE for pipes and sockets. See pread(2).
pub fn pread(file: impl AsFd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let len = clamped(buffer.len());
    rustix::io::pread(file, &mut buffer[..len], checked("pread", offset)?).named("pread")
}

/// Reads like [`pread`], with flags: `NOWAIT` answers EAGAIN when the bytes are not in the page cache.
///
/// # Errors
///
/// EOPNOTSUPP for a flag that the filesystem does not know. See preadv2(2), whose BUGS also say that Linux 5.9 and 5.10
/// may return 0 for `NOWAIT` without being at the end.
pub fn preadv2(file: impl AsFd, buffer: &mut [u8], offset: u64, flags: ReadFlags) -> Result<usize> {
    let len = clamped(buffer.len());
    let offset = checked("preadv2", offset)?;
    rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut buffer[..len])], offset, flags).named("preadv2")
}

/// For [`preadv2`]: what the read brings into the page cache leaves it after, and what was there before stays, and is what
/// is read (`RWF_DONTCACHE`, Linux 6.14; not yet named by rustix).
pub const DONTCACHE: ReadFlags = ReadFlags::from_bits_retain(0x80);
