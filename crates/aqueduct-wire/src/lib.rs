//! What is said: protocols as bytes in and values out. No I/O, no clock.

#![forbid(unsafe_code)]
