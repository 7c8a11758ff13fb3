//! How a client behaves.

use std::num::NonZeroUsize;
use std::time::Duration;

use aqueduct_flow::ReceiveRoute;

use crate::token::Token;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sent with every request, in clear text.
    pub token: Option<Token>,
    /// How long to wait for a connection, and for the next byte while bytes move.
    pub timeout: Duration,
    /// How long to wait for the first byte of an answer: a server may have to hash a blob before it vouches for it. For
    /// an upload, the time to sync it is added.
    pub answer_timeout: Duration,
    /// The pause before a broken transfer goes on. Each further one without progress is twice as long.
    pub pause: Duration,
    /// How often what broke, or was met with silence, is taken up again without a byte or an answer of progress, before that
    /// is its failure. A connection that was kept and proves to be closed does not count.
    pub retry_count_max: u32,
    /// Over how many connections the native protocol moves blobs of at least 64 MiB, all that move at a time together; each
    /// has one in any case. On loopback two were a fifth to a third faster than one, because either end hashes and copies at
    /// the same time, and three and more were like two.
    pub stream_count: NonZeroUsize,
    /// How blobs come into files.
    pub receive_route: ReceiveRoute,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: None,
            timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(5 * 60),
            pause: Duration::from_millis(250),
            retry_count_max: 6,
            stream_count: STREAM_COUNT,
            receive_route: ReceiveRoute::Splice,
        }
    }
}

const STREAM_COUNT: NonZeroUsize = NonZeroUsize::new(2).expect("2 is not zero");
