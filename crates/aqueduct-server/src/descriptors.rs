//! How many files and sockets may be open, by what they are for: whoever takes all that one kind may have leaves the others
//! theirs.

use std::num::NonZeroUsize;

use aqueduct_sys::{DescriptorLimit, descriptor_limit, set_descriptor_limit};

use crate::guests::FAREWELL_COUNT_MAX;
use crate::native;
use crate::server::WRITER_COUNT_MAX;

/// How the descriptors that this process may have are shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// Each has a socket, and at most one file of its own.
    connection_count: usize,
    /// Files beside those: whoever has many tasks at once has many blobs open.
    pub(crate) blob_count: usize,
    /// Blobs that stay open because they may be asked for again.
    pub(crate) open_count: usize,
}

impl Descriptors {
    /// Raises the limit as far as it goes.
    pub(crate) fn available(reactors: NonZeroUsize, listener_count: usize) -> Self {
        let limit = descriptor_limit();
        let raised = DescriptorLimit { soft: limit.hard, ..limit };
        let soft = if set_descriptor_limit(raised).is_ok() { raised.soft } else { limit.soft };
        let soft = soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX));
        // Small blobs that are stored together are open at once, where there are enough descriptors to speak of.
        let open_count = OPEN_COUNT_MAX.min(soft / 16);
        let reserved = DESCRIPTORS_RESERVED + reactors.get() * (REACTOR_DESCRIPTOR_COUNT + listener_count);
        let count = soft.saturating_sub(reserved + SMALL_COUNT_MAX.min(soft / 4) + open_count);
        Self {
            connection_count: (count / 8 * 3).clamp(1, CONNECTION_COUNT_MAX),
            blob_count: (count / 4).clamp(UPLOAD_DESCRIPTOR_COUNT as usize, BLOB_COUNT_MAX),
            open_count,
        }
    }

    /// How many connections there may be if an operator `asked` for so many.
    pub(crate) fn connection_count(self, asked: Option<usize>) -> usize {
        let possible = self.connection_count;
        match asked {
            Some(asked) if asked > possible => {
                tracing::warn!(
                    "there are descriptors for {possible} connections, and not for {asked}; raise ulimit -n"
                );
                possible
            }
            Some(asked) => asked.max(1),
            None => possible,
        }
    }

    /// How many of the files one connection may have open.
    pub(crate) fn share(self) -> usize {
        (self.blob_count / SHARE_COUNT).max(UPLOAD_DESCRIPTOR_COUNT as usize)
    }
}

/// For the store, the pipes of the workers, the log, and those who are told that there is no room.
const DESCRIPTORS_RESERVED: usize = 120 + FAREWELL_COUNT_MAX;

/// Two for epoll and one that wakes it.
const REACTOR_DESCRIPTOR_COUNT: usize = 3;

/// More would be a gigabyte of the kernel's memory for idle sockets.
const CONNECTION_COUNT_MAX: usize = 100_000;

/// Files that are open while writers store small blobs together.
const SMALL_COUNT_MAX: usize = WRITER_COUNT_MAX * native::SMALL_COUNT;

/// More than all the others can be sent or received by at once.
const BLOB_COUNT_MAX: usize = 100_000;

/// Of more than so many at once, to look for a name again is the least.
const OPEN_COUNT_MAX: usize = 4096;

/// One connection that has many tasks leaves room for others that do.
const SHARE_COUNT: usize = 4;

/// The bytes and the journal.
pub(crate) const UPLOAD_DESCRIPTOR_COUNT: u32 = 2;
