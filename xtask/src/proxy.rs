//! A stranger on the way between a client and a server: it counts what passes, alters it, and cuts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::net::sockopt::set_socket_linger;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// May change bytes on their way through one connection in one direction.
pub(crate) type Alter = Box<dyn FnMut(&mut [u8]) + Send>;

/// What has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Bytes that the server's side took.
    pub(crate) to_server: u64,
    pub(crate) to_client: u64,
    pub(crate) connection_count: u32,
}

/// A TCP proxy on a port of its own. Its connections are reset when the value goes.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Stands before the server at `target`, `HOST:PORT`. `alter` is called for each direction of each connection.
    pub(crate) fn start(target: &str, alter: impl Fn(Direction) -> Alter + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = State { target: target.parse().context("HOST:PORT")?, ..State::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if acceptor.state().is_over {
                    return;
                }
                // A server that is not there is a connection that breaks at once.
                let _ = client.and_then(|client| acceptor.join(client, &alter));
            }
        });
        Ok(Self { address, shared })
    }

    /// As `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn passed(&self) -> Passed {
        self.shared.state().passed
    }

    /// Waits until so many bytes went that way.
    pub(crate) fn wait_for(&self, direction: Direction, len: u64, time_max: Duration) -> Result<()> {
        let lacks = |state: &mut State| {
            len > match direction {
                Direction::ToServer => state.passed.to_server,
                Direction::ToClient => state.passed.to_client,
            }
        };
        let (state, timed_out) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.state(), time_max, lacks)
            .unwrap_or_else(PoisonError::into_inner);
        let passed = state.passed;
        ensure!(!timed_out.timed_out(), "{len} bytes do not go {direction:?}, there are {passed:?}");
        Ok(())
    }

    /// Lets no more pass, but for the buffer of each direction that may be on its way already.
    pub(crate) fn hold(&self) {
        self.shared.state().is_held = true;
    }

    /// Lets it pass again.
    pub(crate) fn release(&self) {
        self.shared.state().is_held = false;
        self.shared.changed.notify_all();
    }

    /// Resets every connection, on both sides, and lets those pass that come then. What they hold is lost.
    pub(crate) fn reset(&self) {
        let mut state = self.shared.state();
        state.generation += 1;
        state.is_held = false;
        for link in state.links.drain(..).filter_map(|link| link.upgrade()) {
            link.cut();
        }
        self.shared.changed.notify_all();
        let is_open = |state: &mut State| state.open_count > 0;
        drop(self.shared.changed.wait_while(state, is_open).unwrap_or_else(PoisonError::into_inner));
    }

    /// Leads those who connect from now on to another server.
    pub(crate) fn aim(&self, target: &str) -> Result<()> {
        self.shared.state().target = target.parse().context("HOST:PORT")?;
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        // The acceptor looks up when somebody comes.
        let _ = TcpStream::connect(self.address);
        self.reset();
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: SocketAddr,
    passed: Passed,
    is_held: bool,
    is_over: bool,
    /// Of connections: those of an earlier one are cut.
    generation: u64,
    links: Vec<Weak<Link>>,
    /// Pumps at work.
    open_count: u32,
}

impl State {
    fn new() -> Self {
        Self {
            target: SocketAddr::from(([127, 0, 0, 1], 0)),
            passed: Passed::default(),
            is_held: false,
            is_over: false,
            generation: 0,
            links: Vec::new(),
            open_count: 0,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins a client to the server.
    fn join(self: &Arc<Self>, client: TcpStream, alter: &impl Fn(Direction) -> Alter) -> io::Result<()> {
        let target = self.state().target;
        let link = Arc::new(Link::new(client, TcpStream::connect(target)?)?);
        let mut state = self.state();
        state.passed.connection_count += 1;
        state.links.push(Arc::downgrade(&link));
        let generation = state.generation;
        for direction in [Direction::ToServer, Direction::ToClient] {
            state.open_count += 1;
            let pump = Pump { shared: Arc::clone(self), link: Arc::clone(&link), direction, generation };
            let mut alter = alter(direction);
            thread::spawn(move || pump.run(&mut *alter));
        }
        Ok(())
    }
}

/// Two connections that are one.
struct Link {
    client: TcpStream,
    server: TcpStream,
}

impl Link {
    fn new(client: TcpStream, server: TcpStream) -> io::Result<Self> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_write_timeout(Some(LOOK_UP_AFTER))?;
        }
        Ok(Self { client, server })
    }

    /// Has both sides closed with a reset, see SO_LINGER in socket(7), as soon as the pumps let go of them.
    fn cut(&self) {
        for socket in [&self.client, &self.server] {
            // What is closed already needs no more.
            let _ = set_socket_linger(socket, Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}

/// One direction of a connection.
struct Pump {
    shared: Arc<Shared>,
    link: Arc<Link>,
    direction: Direction,
    generation: u64,
}

impl Pump {
    fn run(self, alter: &mut dyn FnMut(&mut [u8])) {
        // However it ended: the other direction finds out by itself.
        let _ = self.pump(alter);
        let Self { shared, link, .. } = self;
        drop(link);
        shared.state().open_count -= 1;
        shared.changed.notify_all();
    }

    fn pump(&self, alter: &mut dyn FnMut(&mut [u8])) -> io::Result<()> {
        let (mut source, target) = match self.direction {
            Direction::ToServer => (&self.link.client, &self.link.server),
            Direction::ToClient => (&self.link.server, &self.link.client),
        };
        let mut buffer = vec![0; BUFFER_LEN];
        loop {
            match source.read(&mut buffer) {
                // A cut looks like an end from here, and is none to the other side.
                Ok(0) if self.is_cut() => return Ok(()),
                Ok(0) => return target.shutdown(Shutdown::Write),
                Ok(len) => {
                    alter(&mut buffer[..len]);
                    self.pass(target, &buffer[..len])?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.link.cut();
                    return Err(error);
                }
            }
        }
    }

    fn is_cut(&self) -> bool {
        self.shared.state().generation != self.generation
    }

    fn pass(&self, mut target: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let is_held = |state: &mut State| state.is_held && state.generation == self.generation;
            drop(self.shared.changed.wait_while(self.shared.state(), is_held));
            if self.is_cut() {
                return Err(ErrorKind::ConnectionReset.into());
            }
            match target.write(bytes) {
                Ok(len) => {
                    bytes = &bytes[len..];
                    self.count(len as u64);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => {
                    self.link.cut();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn count(&self, len: u64) {
        let mut state = self.shared.state();
        match self.direction {
            Direction::ToServer => state.passed.to_server += len,
            Direction::ToClient => state.passed.to_client += len,
        }
        self.shared.changed.notify_all();
    }
}

/// What a direction of a connection holds at most.
pub(crate) const BUFFER_LEN: usize = 64 << 10;

/// How long a write blocks before the pump looks whether somebody cut.
const LOOK_UP_AFTER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
