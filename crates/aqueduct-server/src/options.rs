//! How a server is to be run.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
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
    /// How often to read all blobs again from the medium and hold them against their names; `None` is never.
    pub scrub_every: Option<Duration>,
    /// How many bytes a second to read then.
    pub scrub_rate: NonZeroU64,
    /// How long peers are waited for.
    pub deadlines: Deadlines,
    /// How many bytes a second a peer has to send of a body, or take of a reply, on average over the time that it has for that;
    /// with 0 any byte will do.
    pub rate_min: u64,
    /// How many connections there may be; `None` is as many as there are descriptors for, and no more than those in any case.
    pub connection_count_max: Option<usize>,
    /// How many of them may come from one address, or from one /64 of IPv6; `None` is a quarter of all, but at least
    /// 64 and no more than half, and 0 is any number.
    pub connection_count_max_per_address: Option<usize>,
    /// How many requests may wait for workers of a kind; what is asked beyond that is refused before its body is read.
    pub request_count_max: usize,
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

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))],
            hosts: Vec::new(),
            tokens: None,
            open_to_network: false,
            blob_size_max: BLOB_SIZE_MAX,
            upload_expiry: UPLOAD_EXPIRY,
            scrub_every: Some(SCRUB_EVERY),
            scrub_rate: SCRUB_RATE,
            deadlines: Deadlines::default(),
            rate_min: RATE_MIN,
            connection_count_max: None,
            connection_count_max_per_address: None,
            request_count_max: REQUEST_COUNT_MAX,
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
    /// Over how long a peer that sends a body has to keep up the least rate: one that is slower is cut off.
    pub body: Duration,
    /// The same for one that is sent a reply.
    pub send: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// The same when the server is to stop: whoever asked before it could know is answered, and told that the connection closes.
    pub idle_at_stop: Duration,
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
            // A long way there and back.
            idle_at_stop: Duration::from_millis(500),
            linger: Duration::from_secs(10),
            grace: Duration::from_secs(30),
        }
    }
}

/// Where a client looks when nobody told it.
const PORT: u16 = 7070;

/// A week: who was cut off on a Friday may go on after the weekend.
const UPLOAD_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the slowest lines bring that people still use, with some to spare, and far more than a trickle that only holds a place.
const RATE_MIN: u64 = 1 << 10;

/// A disk that syncs a thousand times a second has worked it off in seconds. Each may hold what came with its head, 16 KiB.
const REQUEST_COUNT_MAX: usize = 4096;

/// A month: rot that is found while there are still copies elsewhere can be mended.
const SCRUB_EVERY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A fifth of what one disk reads, and a thirtieth of what one core hashes, so that nobody notices; and 79 TiB in a month.
const SCRUB_RATE: NonZeroU64 = NonZeroU64::new(32 << 20).expect("it is not zero");

/// More than anybody stores as one file, and less than would overflow anything.
const BLOB_SIZE_MAX: u64 = 1 << 40;
