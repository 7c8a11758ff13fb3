//! setsockopt(2), for `TCP_CORK`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Whether a TCP socket keeps back what does not fill a segment, for 200 ms at most. Once it does not any more, what it has kept
/// back leaves as it would have without (with `TCP_NODELAY`, at once).
///
/// # Errors
///
/// EOPNOTSUPP, or another, for what is no TCP socket. See `TCP_CORK` in tcp(7).
pub fn set_cork(socket: impl AsFd, is_corked: bool) -> Result<()> {
    rustix::net::sockopt::set_tcp_cork(socket, is_corked).named("setsockopt(TCP_CORK)")
}
