//! setsockopt(2), for `SO_REUSEPORT`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Lets other sockets of this user that say the same bind to the address of this one (`SO_REUSEPORT`, socket(7)).
///
/// Linux takes it for a socket that listens already, too: those that come later join it.
///
/// # Errors
///
/// See setsockopt(2).
pub fn set_reuse_port(socket: impl AsFd) -> Result<()> {
    rustix::net::sockopt::set_socket_reuseport(socket, true).named("setsockopt(SO_REUSEPORT)")
}
