//! Two sides in one process, over loopback: what is sent is what is received, whoever listens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pair;
mod resumed;
mod whole;
