//! socket(2), bind(2), listen(2) and connect(2), for a stream on this machine: unix(7).

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::Named;
use crate::{Errno, Result};

/// A socket that is bound to nothing yet, and never waits.
///
/// The file that it is bound to gets the permissions that the socket has: [`set_mode`](crate::set_mode) before
/// [`bind_local`] narrows them without a moment in between, and whatever umask other threads go by.
///
/// # Errors
///
/// See socket(2).
pub fn local_socket() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).named("socket")
}

/// Makes a file at `path`, by which the socket can be found. False where something has that name.
///
/// # Errors
///
/// ENAMETOOLONG for a path of more than 107 bytes; ENOENT, EACCES and their like. See bind(2) and unix(7).
pub fn bind_local(socket: impl AsFd, path: &Path) -> Result<bool> {
    match rustix::net::bind(socket, &address(path)?) {
        Err(Errno::ADDRINUSE) => Ok(false),
        bound => bound.map(|()| true).named("bind"),
    }
}

/// Lets others connect to a socket that is bound; `backlog` of them wait until they are accepted.
///
/// # Errors
///
/// See listen(2).
pub fn listen(socket: impl AsFd, backlog: u16) -> Result<()> {
    rustix::net::listen(socket, i32::from(backlog)).named("listen")
}

/// Connects to whoever listens at `path`. False where nobody does: what is there is left of somebody who is gone, or no
/// socket at all.
///
/// # Errors
///
/// EAGAIN where somebody listens, and more wait there than have room; ENOENT, EACCES and their like. See connect(2).
pub fn connect_local(socket: impl AsFd, path: &Path) -> Result<bool> {
    match rustix::net::connect(socket, &address(path)?) {
        Err(Errno::CONNREFUSED) => Ok(false),
        connected => connected.map(|()| true).named("connect"),
    }
}

fn address(path: &Path) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(path).named("sockaddr_un")
}
