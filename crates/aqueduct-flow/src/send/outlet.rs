//! The target of a queue, written to in the way that suits its kind.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use aqueduct_sys::{FileType, Result, SendFlags, send, sendmsg, stat, writev};

use crate::uninterrupted;

/// Whether flags can be given with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutletKind {
    Socket,
    /// A pipe, file or terminal.
    Plain,
}

impl OutletKind {
    pub(super) fn of(target: BorrowedFd<'_>) -> Result<Self> {
        let is_socket = stat(target)?.file_type() == FileType::Socket;
        Ok(if is_socket { Self::Socket } else { Self::Plain })
    }

    /// Writes the pieces in one call. `more` says that the bytes after them follow at once.
    pub(super) fn write(self, target: BorrowedFd<'_>, pieces: &[IoSlice<'_>], more: bool) -> Result<usize> {
        let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        uninterrupted(|| match (self, pieces) {
            // A list of pieces is one more thing for the kernel to fetch.
            (Self::Socket, [piece]) => send(target, piece, flags),
            (Self::Socket, pieces) => sendmsg(target, pieces, flags),
            (Self::Plain, pieces) => writev(target, pieces),
        })
    }
}
