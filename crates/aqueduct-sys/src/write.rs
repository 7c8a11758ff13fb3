//! write(2), pwrite(2), writev(2), send(2) and sendmsg(2).

use std::io::IoSlice;
use std::os::fd::AsFd;

use rustix::net::SendAncillaryBuffer;
pub use rustix::net::SendFlags;

use crate::error::Named;
use crate::{Result, checked, clamped};

/// Writes from `bytes` at the file position, or to a pipe or socket; may take fewer than all.
///
/// # Errors
///
/// EPIPE when nobody can read any more, with the signal SIGPIPE unless the process ignores it. See write(2).
pub fn write(target: impl AsFd, bytes: &[u8]) -> Result<usize> {
    rustix::io::write(target, &bytes[..clamped(bytes.len())]).named("write")
}

/// Writes from `bytes` at `offset`, leaving the file position alone; may take fewer than all.
///
/// On a file in append mode Linux appends, whatever `offset` says (pwrite(2), BUGS).
///
/// # Errors
///
/// ENOSPC and EDQUOT when there is no room, EFBIG beyond the size limit. See pwrite(2).
pub fn pwrite(file: impl AsFd, bytes: &[u8], offset: u64) -> Result<usize> {
    rustix::io::pwrite(file, &bytes[..clamped(bytes.len())], checked("pwrite", offset)?).named("pwrite")
}

/// Writes the pieces one after another as one write; may take fewer bytes than all, ending inside a piece.
///
/// Linux takes at most 1024 pieces (`IOV_MAX`); more are left for the next call.
///
/// # Errors
///
/// As for [`write()`]. See writev(2).
pub fn writev(target: impl AsFd, pieces: &[IoSlice<'_>]) -> Result<usize> {
    rustix::io::writev(target, pieces).named("writev")
}

/// Writes to a socket like [`write()`], with flags.
///
/// `MORE` says that more follows at once, so that it leaves in the same segment; `NOSIGNAL` answers EPIPE without
/// SIGPIPE.
///
/// # Errors
///
/// ENOTSOCK if `socket` is not one. See send(2).
pub fn send(socket: impl AsFd, bytes: &[u8], flags: SendFlags) -> Result<usize> {
    rustix::net::send(socket, &bytes[..clamped(bytes.len())], flags).named("send")
}

/// Writes the pieces to a socket like [`writev`], with flags as for [`send`].
///
/// # Errors
///
/// As for [`send`]. See sendmsg(2).
pub fn sendmsg(socket: impl AsFd, pieces: &[IoSlice<'_>], flags: SendFlags) -> Result<usize> {
    rustix::net::sendmsg(socket, pieces, &mut SendAncillaryBuffer::default(), flags).named("sendmsg")
}
