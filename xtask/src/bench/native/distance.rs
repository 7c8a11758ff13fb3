//! A distance between a client and a server, where the kernel has no netem: whatever comes is passed on a while later.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// A TCP proxy that delays either direction by [`DELAY`], in order, and does not wait between.
pub(super) struct Distance {
    address: SocketAddr,
    end: Arc<End>,
}

impl Distance {
    pub(super) fn before(target: &str) -> Result<Self> {
        let target: SocketAddr = target.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let end = Arc::<End>::default();
        let seen = Arc::clone(&end);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if seen.wait(Duration::ZERO) {
                    return;
                }
                // A server that is not there is a connection that breaks at once.
                let _ = TcpStream::connect(target).and_then(|server| join(&client, &server, &seen));
            }
        });
        Ok(Self { address, end })
    }

    /// As `127.0.0.1:PORT`.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        *self.end.is_there() = true;
        self.end.came.notify_all();
        // The acceptor looks up when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

/// Of a distance.
#[derive(Default)]
struct End {
    is_there: Mutex<bool>,
    came: Condvar,
}

impl End {
    fn is_there(&self) -> MutexGuard<'_, bool> {
        self.is_there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for it so long, and answers whether it came.
    fn wait(&self, time: Duration) -> bool {
        let waited = self.came.wait_timeout_while(self.is_there(), time, |is_there| !*is_there);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn join(client: &TcpStream, server: &TcpStream, end: &Arc<End>) -> std::io::Result<()> {
    for (source, target) in [(client, server), (server, client)] {
        target.set_nodelay(true)?;
        let (source, target) = (source.try_clone()?, target.try_clone()?);
        let (sender, receiver) = sync_channel(PIECE_COUNT_MAX);
        thread::spawn(move || take(source, &sender));
        let end = Arc::clone(end);
        thread::spawn(move || pass(&receiver, target, &end));
    }
    Ok(())
}

/// Bytes, and when they are to arrive.
type Piece = (Instant, Vec<u8>);

fn take(mut source: TcpStream, pieces: &SyncSender<Piece>) {
    let mut buffer = vec![0; PIECE_LEN_MAX];
    while let Ok(len @ 1..) = source.read(&mut buffer) {
        if pieces.send((Instant::now() + DELAY, buffer[..len].to_vec())).is_err() {
            return;
        }
    }
}

fn pass(pieces: &Receiver<Piece>, mut target: TcpStream, end: &End) {
    for (due, bytes) in pieces {
        let is_over = end.wait(due.saturating_duration_since(Instant::now()));
        if is_over || target.write_all(&bytes).is_err() {
            break;
        }
    }
    // The other side is told of the end, if it is still there.
    let _ = target.shutdown(Shutdown::Write);
}

/// One way. A thread wakes up some 60 us after it asked for, so a round trip takes a little more than two of these.
const DELAY: Duration = Duration::from_micros(450);

const PIECE_LEN_MAX: usize = 64 << 10;

/// More than a client has under way in a round trip.
const PIECE_COUNT_MAX: usize = 1024;
