//! The public interface, against programs that know nothing of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod programs;
