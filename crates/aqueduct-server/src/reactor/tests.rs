#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use aqueduct_store::{Absent, Store};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::*;
use crate::{Options, Server};

#[test]
fn a_connection_that_waits_takes_little_memory() {
    let directory = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let store = Store::open(directory.path(), Absent::Make, aqueduct_store::Options::default()).unwrap();
    let listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    let server = Server::bind(store, Options { listen, ..Options::default() }).unwrap();
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let _context = runtime.enter();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let peer = stream.peer_addr().unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    let guest = server.shared.guests.admit(Peer::Host(peer)).unwrap();
    let served = serve(stream, guest, Arc::clone(&server.shared), stopped);
    assert!(size_of_val(&served) <= WAITING_LEN_MAX, "{}", size_of_val(&served));
}

/// With what the runtime adds, less than 2 KiB.
const WAITING_LEN_MAX: usize = 960;
