//! poll(2).

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

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
    rustix::event::poll(&mut [PollFd::new(&fd, readiness.events())], None).named("poll").map(drop)
}

/// Waits until `fd` is ready in one of these ways, or has an error that the next call on it will report, but not longer than
/// `time`: false says that it has passed.
///
/// # Errors
///
/// EINTR when a signal came first. See poll(2).
pub fn wait_at_most(fd: impl AsFd, readiness: &[Readiness], time: Duration) -> Result<bool> {
    let events = readiness.iter().map(|readiness| readiness.events()).collect();
    // More seconds than it can hold are for ever.
    let time = Timespec::try_from(time).ok();
    rustix::event::poll(&mut [PollFd::new(&fd, events)], time.as_ref()).named("poll").map(|count| count > 0)
}

impl Readiness {
    fn events(self) -> PollFlags {
        match self {
            Self::Readable => PollFlags::IN,
            Self::Writable => PollFlags::OUT,
        }
    }
}
