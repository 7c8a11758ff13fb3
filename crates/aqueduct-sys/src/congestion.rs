//! getsockopt(2), for `TCP_CONGESTION`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// The name of the congestion control of a TCP socket. See tcp(7).
///
/// # Errors
///
/// EOPNOTSUPP if it is no TCP socket. See getsockopt(2).
pub fn congestion_control(socket: impl AsFd) -> Result<String> {
    rustix::net::sockopt::tcp_congestion(socket).named("getsockopt(TCP_CONGESTION)")
}
