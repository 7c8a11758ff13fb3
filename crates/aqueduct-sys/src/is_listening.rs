//! getsockopt(2), for `SO_ACCEPTCONN`.

use std::os::fd::AsFd;

use crate::Result;
use crate::error::Named;

/// Whether connections can be accepted from a socket: listen(2) was called on it (`SO_ACCEPTCONN`, socket(7)).
///
/// # Errors
///
/// See getsockopt(2).
pub fn is_listening(socket: impl AsFd) -> Result<bool> {
    rustix::net::sockopt::socket_acceptconn(socket).named("getsockopt(SO_ACCEPTCONN)")
}
