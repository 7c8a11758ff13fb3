//! What an answer of the kernel means: how a full disk, a broken one and a process short of something are told apart.

use std::io;

use aqueduct_sys::{Errno, errno_of};

use crate::database::NoRoom;
use crate::disk::Unopened;

/// Why the kernel did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The filesystem is full (ENOSPC).
    NoSpace,
    /// Whoever runs this process has no space left there (EDQUOT).
    Quota,
    /// The process, or the machine, has no descriptor left (EMFILE, ENFILE).
    Descriptors,
    /// The kernel has no memory left for it (ENOMEM, ENOBUFS).
    Memory,
    /// The filesystem takes no changes (EROFS), as one that was mounted so, or that met errors since.
    ReadOnly,
    /// Everything else: the medium failed (EIO), or something that should not be.
    Io,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NoSpace, Self::Quota, Self::Descriptors, Self::Memory, Self::ReadOnly, Self::Io];

    /// What an error means, wherever it came from.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        // Why a database could not become longer is why a file could not.
        let no_room = error.get_ref().and_then(|source| source.downcast_ref::<NoRoom>());
        let error = no_room.map_or(error, |no_room| &no_room.0);
        let unopened = error.get_ref().and_then(|source| source.downcast_ref::<Unopened>());
        match unopened.map(|unopened| unopened.0.errno()).or_else(|| errno_of(error)) {
            Some(Errno::NOSPC) => Self::NoSpace,
            Some(Errno::DQUOT) => Self::Quota,
            Some(Errno::MFILE | Errno::NFILE) => Self::Descriptors,
            Some(Errno::NOMEM | Errno::NOBUFS) => Self::Memory,
            Some(Errno::ROFS) => Self::ReadOnly,
            Some(_) => Self::Io,
            None => Self::of_kind(error.kind()),
        }
    }

    /// What is left of an error that lost its number on the way.
    fn of_kind(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::StorageFull => Self::NoSpace,
            io::ErrorKind::QuotaExceeded => Self::Quota,
            io::ErrorKind::OutOfMemory => Self::Memory,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io,
        }
    }
}

/// Whether an error says that the medium failed.
pub(super) fn is_of_medium(error: &io::Error) -> bool {
    errno_of(error) == Some(Errno::IO)
}

#[cfg(test)]
mod tests;
