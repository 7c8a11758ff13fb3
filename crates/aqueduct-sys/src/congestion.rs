//! setsockopt(2) and getsockopt(2), for `TCP_CONGESTION`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// The congestion control of a TCP socket, by its name.
///
/// # Errors
///
/// EOPNOTSUPP if it is no TCP socket. See `TCP_CONGESTION` in tcp(7).
pub fn congestion_control(socket: impl AsFd) -> Result<String> {
    rustix::net::sockopt::tcp_congestion(socket).named("getsockopt(TCP_CONGESTION)")
}

/// Lets a TCP socket use the congestion control of this name.
///
/// # Errors
///
/// ENOENT for a name that the kernel does not know; EPERM for one that it keeps for the privileged
/// (/proc/sys/net/ipv4/tcp_allowed_congestion_control). See `TCP_CONGESTION` in tcp(7).
pub fn set_congestion_control(socket: impl AsFd, name: &str) -> Result<()> {
    rustix::net::sockopt::set_tcp_congestion(socket, name).named("setsockopt(TCP_CONGESTION)")
}
