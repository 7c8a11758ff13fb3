//! How a server is to be run.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use aqueduct_flow::{ReceiveRoute, SendRoute, Thresholds};

use crate::Tokens;

/// How a server is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Port 0 stands for any that is free.
    pub listen: Vec<SocketAddr>,
    /// Names that a `Host` field may have, besides IP addresses, `localhost` and this machine's own name.
    pub hosts: Vec<String>,
    /// Who may read and write; `None` is everybody who can connect.
    pub tokens: Option<Tokens>,
    /// Whether to listen off loopback although there are no tokens.
    pub open_to_network: bool,
    /// The largest blob that is taken, in bytes.
    pub blob_size_max: u64,
    /// How long an upload is kept of which nothing comes.
    pub upload_expiry: Duration,
    /// How long peers are waited for.
    pub deadlines: Deadlines,
    /// How many threads serve connections.
    pub reactors: NonZeroUsize,
    /// How blobs are sent; by copy where the store's filesystem turns out not to let the kernel send its files.
    pub send_route: SendRoute,
    /// How blobs are received; by copy where the store's filesystem turns out not to take what is spliced.
    pub receive_route: ReceiveRoute,
    /// Up to where another way is taken than these routes; of a blob in memory, 1 MiB at most.
    pub thresholds: Thresholds,
    /// Where those come from, for the line of the log that says which hold.
    pub thresholds_from: String,
}

impl Options {
    /// The route for an answer that sends so much of a blob.
    pub(crate) fn send_route_for(&self, len: u64) -> SendRoute {
        self.thresholds.send_route(self.send_route, len)
    }

    /// The route for a body of which so much comes at most, as far as that is known.
    pub(crate) fn receive_route_for(&self, len: Option<u64>) -> ReceiveRoute {
        self.thresholds.receive_route(self.receive_route, len)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))],
            hosts: Vec::new(),
            tokens: None,
            open_to_network: false,
            blob_size_max: BLOB_SIZE_MAX,
            upload_expiry: UPLOAD_EXPIRY,
            deadlines: Deadlines::default(),
            reactors: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            send_route: SendRoute::Sendfile,
            receive_route: ReceiveRoute::Splice,
            thresholds: Thresholds::default(),
            thresholds_from: "defaults".to_owned(),
        }
    }
}

/// How long peers are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the first byte of a head, or from the connection, to its last.
    pub head: Duration,
    /// For every few KiB of a body: a peer that is slower than that is cut off.
    pub body: Duration,
    /// For every few KiB of a reply.
    pub send: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// For what a peer still sends after it was told that the connection closes.
    pub linger: Duration,
    /// For what is in flight when the server is to stop.
    pub grace: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(60),
            send: Duration::from_secs(60),
            idle: Duration::from_secs(75),
            linger: Duration::from_secs(10),
            grace: Duration::from_secs(30),
        }
    }
}

/// Where a client looks when nobody told it.
const PORT: u16 = 7070;

/// A week: who was cut off on a Friday may go on after the weekend.
const UPLOAD_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// More than anybody stores as one file, and less than would overflow anything.
const BLOB_SIZE_MAX: u64 = 1 << 40;
