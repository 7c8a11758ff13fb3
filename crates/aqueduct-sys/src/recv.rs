//! recv(2) with flags.

use std::os::fd::AsFd;

use rustix::net::{RecvFlags, recv};

use crate::error::Named;
use crate::{Result, clamped};

/// Takes up to `scratch.len()` bytes from a TCP socket and throws them away, without copying them anywhere. 0 is the end.
///
/// `scratch` says how many, and lends memory to sockets that know the flag in its other meaning (a Unix socket copies);
/// what it holds afterwards means nothing. See `MSG_TRUNC` in tcp(7).
///
/// # Errors
///
/// EAGAIN from an empty non-blocking socket. See recv(2).
pub fn recv_discard(socket: impl AsFd, scratch: &mut [u8]) -> Result<usize> {
    let len = clamped(scratch.len());
    let (_, received) = recv(socket, &mut scratch[..len], RecvFlags::TRUNC).named("recv")?;
    Ok(received)
}
