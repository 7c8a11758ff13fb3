//! A server that says whatever it is told to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Whoever connects is told the same, and hears the end of the stream after it.
#[derive(Debug)]
pub struct RudeServer {
    address: SocketAddr,
    said: Arc<Mutex<Vec<u8>>>,
}

impl RudeServer {
    /// Begins to listen, for as long as the process lives.
    ///
    /// # Panics
    ///
    /// Where nobody can listen on loopback.
    pub fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let said = Arc::new(Mutex::new(Vec::new()));
        let saying = Arc::clone(&said);
        thread::spawn(move || {
            for peer in listener.incoming().flatten() {
                let bytes = saying.lock().expect("nobody fails with it").clone();
                // A client may have several connections, and wait for one while it keeps another.
                thread::spawn(move || speak(peer, &bytes));
            }
        });
        Self { address, said }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What those hear who connect from now on.
    ///
    /// # Panics
    ///
    /// Never: nobody fails while they look at it.
    pub fn say(&self, bytes: &[u8]) {
        let mut said = self.said.lock().expect("nobody fails with it");
        said.clear();
        said.extend_from_slice(bytes);
    }
}

/// Waits for the first word, so that what is said is an answer, and listens to the end, so that no reset overtakes it.
fn speak(mut peer: TcpStream, bytes: &[u8]) {
    let mut heard = [0; 4096];
    let _ = peer.set_read_timeout(Some(PATIENCE));
    if peer.read(&mut heard).is_ok_and(|len| len > 0) && peer.write_all(bytes).is_ok() {
        let _ = peer.shutdown(Shutdown::Write);
        while peer.read(&mut heard).is_ok_and(|len| len > 0) {}
    }
}

/// Longer than any client here waits.
const PATIENCE: Duration = Duration::from_secs(2);
