//! poll(2).

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags};

use crate::Result;
use crate::error::Named;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Something to read, or the end.
    Readable,
    /// Room to write.
    Writable,
}

/// Waits until `fd` is ready, or has an error that the next call on it will report.
///
/// # Errors
///
/// EINTR when a signal came first. See poll(2).
pub fn wait_until(fd: impl AsFd, readiness: Readiness) -> Result<()> {
    let events = match readiness {
        Readiness::Readable => PollFlags::IN,
        Readiness::Writable => PollFlags::OUT,
    };
    rustix::event::poll(&mut [PollFd::new(&fd, events)], None).named("poll").map(drop)
}
