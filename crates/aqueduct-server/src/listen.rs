//! Listening: one socket for each reactor and address.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// Listens on `address`, `count` times, and says where that is if the port was left open.
///
/// The kernel spreads connections over sockets that all have `SO_REUSEPORT` (socket(7)), whichever process of this user
/// they belong to: a second server would silently take half of the first one's. So the first bind is without it, and
/// fails where anybody listens.
///
/// Needs the context of a runtime.
pub(crate) fn listen(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let probe = socket(address)?;
    probe.bind(address)?;
    let address = probe.local_addr()?;
    drop(probe);
    let listener = || {
        let socket = socket(address)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    let listeners = (0..count).map(|_| listener()).collect::<io::Result<_>>()?;
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
