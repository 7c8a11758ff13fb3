//! What one step of a mover did.

use std::io;
use std::os::fd::AsFd;

use aqueduct_sys::{Readiness, wait_until};

use crate::uninterrupted;

/// One end of a mover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where bytes come from.
    Source,
    /// Where bytes go.
    Target,
}

/// What one step of a mover did. Faults are not steps: they are `Err`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// This many bytes moved. A short count says nothing about what comes next: step again.
    Moved(usize),
    /// Nothing moved, because this side is not ready: step again once it is.
    Blocked(Side),
    /// Nothing is left to move, and everything before was moved.
    End,
}

/// Waits until `side`, which a step found blocked, is ready again: for callers that have nothing else to do.
///
/// # Errors
///
/// Those of poll(2), none of which a valid descriptor should cause.
pub fn wait_for(side: Side, source: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let ready = match side {
        Side::Source => uninterrupted(|| wait_until(&source, Readiness::Readable)),
        Side::Target => uninterrupted(|| wait_until(&target, Readiness::Writable)),
    };
    Ok(ready?)
}
