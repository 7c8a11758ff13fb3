//! The store against a real directory, and against disks that lose power.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
