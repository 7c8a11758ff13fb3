//! The congestion controls of this kernel.

use std::fs;
use std::io;
use std::net::TcpStream;

use aqueduct_flow::SendRoute;
use aqueduct_sys::set_congestion_control;

use super::Way;
use super::queued::Queued;

/// Those that are loaded; see tcp(7). None where the kernel does not tell.
pub(super) fn available() -> Vec<String> {
    let names = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

pub(super) fn sendfile_under(name: &str, socket: &TcpStream) -> io::Result<Box<dyn Way>> {
    set_congestion_control(socket, name)?;
    Ok(Queued::boxed(SendRoute::Sendfile, 0))
}
