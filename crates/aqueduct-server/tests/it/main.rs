//! A server in this process, and peers that say raw bytes to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "fixtures are no store: they are read once and thrown away")]

mod admission;
mod build_cache;
mod codings;
mod conditions;
mod crsh;
mod deadlines;
mod descriptors;
mod downloads;
mod faults;
mod fixture;
mod frames;
mod limits;
mod lists;
mod logged;
mod mistakes;
mod native;
mod native_mistakes;
mod native_suspects;
mod space;
mod spread;
mod stopping;
mod suspects;
mod tus;
mod ui;
mod uploads;
mod watched;
