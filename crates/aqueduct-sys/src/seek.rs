//! lseek(2) to a place, to data and to a hole.

use std::os::fd::AsFd;

use rustix::fs::SeekFrom;

use crate::error::{Error, Named, Result};
use crate::{Errno, checked};

/// Sets the file position, which every duplicate of the descriptor shares.
///
/// # Errors
///
/// ESPIPE for pipes and sockets. See lseek(2).
pub fn seek_to(file: impl AsFd, offset: u64) -> Result<()> {
    let offset = checked("lseek", offset)?;
    rustix::fs::seek(file, SeekFrom::Start(offset)).named("lseek").map(drop)
}

/// The first place at or after `offset` that holds data; `None` if only a hole, or nothing, follows.
///
/// Moves the file position, which every duplicate of the descriptor shares.
///
/// # Errors
///
/// EINVAL where the filesystem cannot tell, ESPIPE for pipes and sockets. See lseek(2).
pub fn seek_data(file: impl AsFd, offset: u64) -> Result<Option<u64>> {
    found("lseek(SEEK_DATA)", file, SeekFrom::Data(checked("lseek(SEEK_DATA)", offset)?))
}

/// The first place at or after `offset` that is in a hole; the end of the file counts as one. `None` if `offset` is at
/// or beyond the end.
///
/// Moves the file position, which every duplicate of the descriptor shares.
///
/// # Errors
///
/// As for [`seek_data`]. See lseek(2).
pub fn seek_hole(file: impl AsFd, offset: u64) -> Result<Option<u64>> {
    found("lseek(SEEK_HOLE)", file, SeekFrom::Hole(checked("lseek(SEEK_HOLE)", offset)?))
}

fn found(call: &'static str, file: impl AsFd, place: SeekFrom) -> Result<Option<u64>> {
    match rustix::fs::seek(file, place) {
        Ok(offset) => Ok(Some(offset)),
        // lseek(2): "ENXIO: whence is SEEK_DATA or SEEK_HOLE, and offset is beyond the end of the file, or whence is
        // SEEK_DATA and offset is within a hole at the end of the file."
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(Error::new(call, errno)),
    }
}
