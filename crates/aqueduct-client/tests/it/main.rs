//! A client against a peer that plays what it is told to, byte for byte: right, wrong, rude and slow.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "to prepare and to check, any way will do")]

mod connections;
mod downloads;
mod landings;
mod native_gets;
mod native_lines;
mod native_parcels;
mod native_puts;
mod native_questions;
mod peer;
mod questions;
mod speaker;
mod uploads;
