//! How bytes move: loops and fallbacks over the calls of `aqueduct-sys`.
//!
//! Three movers, one manner. Each is driven in steps by its caller, says what a step did ([`Step`]), never waits where
//! the descriptors it was given would not, and reports the [`Route`] that carried the bytes, which may be humbler than
//! the one asked for:
//!
//! - [`SendQueue`]: memory and file ranges to a socket, pipe, file or terminal;
//! - [`Intake`]: a socket, pipe or file into a file, every byte shown to an observer (the hash) on its way;
//! - [`CopyLadder`]: one file to another on this machine.
//!
//! [`Medium`] reads a file from its medium and leaves the page cache as it is; [`Throttle`] spreads bytes over time.
//! [`probe`] finds out which of the routes there are here.
//!
//! This crate knows no digest, no path and no protocol, and never changes the flags of a descriptor it was given: dup(2)
//! shares `O_NONBLOCK` with every duplicate, so a mover that set it on standard output would set it for the shell too.
//!
//! sendfile(2) and splice(2) raise SIGPIPE for a peer that is gone. The Rust runtime ignores that signal before `main`,
//! and the movers rely on it; a process that restores the default disposition dies as a C program would.

#![forbid(unsafe_code)]

mod appetite;
mod buffer;
mod fault;
mod intake;
mod local;
mod medium;
mod pipe_pool;
pub mod probe;
mod retry;
mod route;
mod send;
mod step;
mod thresholds;
mod throttle;
mod write_all;

pub use fault::{SourceChanged, SourceTruncated};
pub use intake::{Intake, Observe, ReceiveRoute, show_copied};
pub use local::{CopyLadder, LocalCopy};
pub use medium::{Medium, MediumWay};
pub use retry::uninterrupted;
pub use route::{Carried, Route};
pub use send::{Extent, SendQueue, SendRoute};
pub use step::{Side, Step, wait_for};
pub use thresholds::Thresholds;
pub use throttle::Throttle;
