//! The store against a real directory, and against disks that lose power.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests damage a store behind its back")]

mod crash;
mod damage;
mod databases;
mod entries;
mod faults;
mod fixture;
mod fsck;
mod ground;
mod list;
mod open;
mod publish;
mod rewritten;
mod scrub;
mod space;
mod uploads;
