//! Two sides in one process, over loopback: what is sent is what is received, whoever listens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests plant files, and relay bytes, as anybody might")]

mod pair;
mod resumed;
mod waiting;
mod whole;
