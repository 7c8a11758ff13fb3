//! A wire between a client and a server that can be damaged, cut and held.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes everything on, as its plan says.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: Mutex<String>,
    plan: Box<Plan>,
    connection_count: AtomicU64,
    /// Bytes that went from clients to the server.
    up_len: AtomicU64,
}

/// What to do with some bytes of a connection.
type Plan = dyn Fn(&mut Piece<'_>) -> Then + Send + Sync;

/// Bytes on their way.
pub(crate) struct Piece<'a> {
    /// Which connection they are of, from 0 on.
    pub(crate) connection: u64,
    pub(crate) way: Way,
    /// How many came before them.
    pub(crate) offset: u64,
    pub(crate) bytes: &'a mut Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client to the server.
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    /// What is left of the bytes is passed on, and nothing more.
    Cut,
    /// What is left of the bytes is passed on, and what follows is lost.
    Hold,
}

impl Proxy {
    /// Before the server at `address`.
    pub(crate) fn new(address: &str, plan: impl Fn(&mut Piece<'_>) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            server: Mutex::new(address.to_owned()),
            plan: Box::new(plan),
            connection_count: AtomicU64::new(0),
            up_len: AtomicU64::new(0),
        });
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::clone(&state) };
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming() {
                join(&client.unwrap(), &state);
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("aqueduct://{}", self.address)
    }

    /// Leads to another server from now on.
    pub(crate) fn lead_to(&self, address: &str) {
        address.clone_into(&mut self.state.server.lock().unwrap());
    }

    pub(crate) fn connection_count(&self) -> u64 {
        self.state.connection_count.load(Ordering::SeqCst)
    }

    pub(crate) fn up_len(&self) -> u64 {
        self.state.up_len.load(Ordering::SeqCst)
    }
}

fn join(client: &TcpStream, state: &Arc<State>) {
    let connection = state.connection_count.fetch_add(1, Ordering::SeqCst);
    let address = state.server.lock().unwrap().clone();
    // Where no server is, the client's connection breaks.
    let Ok(server) = TcpStream::connect(address) else { return };
    for (source, target, way) in [(client, &server, Way::Up), (&server, client, Way::Down)] {
        target.set_nodelay(true).unwrap();
        let (source, target) = (source.try_clone().unwrap(), target.try_clone().unwrap());
        let state = Arc::clone(state);
        thread::spawn(move || pass(&source, &target, &state, connection, way));
    }
}

fn pass(mut source: &TcpStream, mut target: &TcpStream, state: &State, connection: u64, way: Way) {
    let mut buffer = vec![0; 64 << 10];
    let mut offset = 0;
    while let Ok(len @ 1..) = source.read(&mut buffer) {
        let mut bytes = buffer[..len].to_vec();
        let then = (state.plan)(&mut Piece { connection, way, offset, bytes: &mut bytes });
        offset += len as u64;
        if way == Way::Up {
            state.up_len.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        if target.write_all(&bytes).is_err() || then == Then::Cut {
            let _ = source.shutdown(Shutdown::Both);
            break;
        }
        if then == Then::Hold {
            // To its end, which is passed on.
            while source.read(&mut buffer).is_ok_and(|len| len > 0) {}
            break;
        }
    }
    let _ = target.shutdown(Shutdown::Both);
}
