//! What is said here, compared with what the papers say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod page;
mod vectors;
