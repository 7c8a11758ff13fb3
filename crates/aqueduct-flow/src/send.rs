//! Sending: a queue of memory and file ranges, and the ways it can go.

mod extent;
mod outlet;
mod queue;
mod window;

use std::fmt;

pub use extent::Extent;
pub use queue::SendQueue;

use crate::Route;

/// The way a [`SendQueue`] tries to send its extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendRoute {
    /// sendfile(2): by reference to the page cache.
    Sendfile,
    /// preadv2(2) into a pooled buffer, and one write of it with the memory before it. Works everywhere.
    Copy,
    /// splice(2) from the file into a pooled pipe and from there to the target: by reference, too.
    Splice,
    /// One write of a mapping of the file with the memory before it.
    Mmap,
}

impl SendRoute {
    /// Every send route.
    pub const ALL: [Self; 4] = [Self::Sendfile, Self::Copy, Self::Splice, Self::Mmap];
}

impl From<SendRoute> for Route {
    fn from(route: SendRoute) -> Self {
        match route {
            SendRoute::Sendfile => Self::Sendfile,
            SendRoute::Copy => Self::Copy,
            SendRoute::Splice => Self::Splice,
            SendRoute::Mmap => Self::Mmap,
        }
    }
}

impl fmt::Display for SendRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Route::from(*self).fmt(f)
    }
}
