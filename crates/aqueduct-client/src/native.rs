//! The native protocol: tasks in frames, many at a time over one connection, and one blob over several.

mod client;
mod get;
mod inbox;
mod line;
mod put;
mod questions;

pub(crate) use client::NativeClient;
pub(crate) use get::NativeDownload;
