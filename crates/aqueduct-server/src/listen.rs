//! Listening: one socket for each reactor and address.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

use aqueduct_sys::set_reuse_port;
use tokio::net::TcpSocket;

/// Listens on `address`, `count` times, and says where that is if the port was left open.
///
/// The kernel spreads connections over sockets that all have `SO_REUSEPORT` (socket(7)), whichever process of this user
/// they belong to: a second server would silently take half of the first one's. So the first of them listens without it,
/// which fails where anybody listens, and only then lets the others join.
///
/// Needs the context of a runtime.
pub(crate) fn listen(address: SocketAddr, count: NonZeroUsize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = socket(address)?;
    first.bind(address)?;
    let first = first.listen(BACKLOG)?.into_std()?;
    let address = first.local_addr()?;
    set_reuse_port(&first)?;
    let mut listeners = vec![first];
    while listeners.len() < count.get() {
        let socket = socket(address)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        listeners.push(socket.listen(BACKLOG)?.into_std()?);
    }
    Ok((address, listeners))
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a server that has just ended keep its port for a minute otherwise.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Connections that the kernel keeps until they are accepted. It lowers this to net.core.somaxconn.
const BACKLOG: u32 = 4096;
