//! The native protocol: tasks in frames, many at a time over one connection, and one blob over several.

mod client;
mod get;
mod inbox;
mod line;
mod put;
mod questions;
mod slots;
mod turns;

pub(crate) use client::NativeClient;
pub(crate) use get::NativeDownload;

/// Segments for which a second line is worth its opening: 64 MiB.
const SHARED_COUNT_MIN: u64 = 16;
