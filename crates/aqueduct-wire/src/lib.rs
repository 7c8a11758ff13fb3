//! What is said: protocols as bytes in and values out. No I/O, no clock.
//!
//! [`http1`] reads and writes the heads of HTTP/1.1 messages, finds where bodies end, and gives the values of the
//! fields that blobs need. [`native`] reads and writes the frames of Aqueduct's own protocol, and knows what may be said
//! when. [`build_cache`] tells what the clients of build caches ask for, and [`crsh`] what ccache says to a storage on the
//! same host. [`transfer`] has the words of two hosts of which one sends files to the other. Whoever owns the connection
//! brings the bytes and moves the bodies.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod build_cache;
pub mod crsh;
pub mod http1;
pub mod native;
pub mod transfer;
