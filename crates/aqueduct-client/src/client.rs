//! A client: where its server is, how it behaves, and the connections it keeps for the next request.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aqueduct_flow::{Carried, ReceiveRoute, SendQueue, SendRoute};
use aqueduct_wire::http1::HeadWriter;
use http::Method;

use crate::connection::{Connection, Sent, Watch};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, kind_of};
use crate::head::Head;
use crate::response::Response;
use crate::token::Token;

/// A client of one server, for any number of threads. Each operation blocks, and uses a connection of its own.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    options: Options,
    /// Whether the server was ever there.
    was_reached: AtomicBool,
    /// Connections that wait for the next request; at most [`IDLE_COUNT_MAX`].
    idle: Mutex<Vec<Connection>>,
}

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
    /// How often a broken transfer is taken up again without a byte of progress, before that is its failure.
    pub retry_count_max: u32,
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
            receive_route: ReceiveRoute::Splice,
        }
    }
}

impl Client {
    /// A client of the server at `endpoint`. Nothing is sent before the first operation.
    #[must_use]
    pub fn new(endpoint: Endpoint, options: Options) -> Self {
        Self { endpoint, options, was_reached: AtomicBool::new(false), idle: Mutex::default() }
    }

    /// Where the server is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Begins the head of a request.
    pub(crate) fn head(&self, method: &Method, target: &str) -> HeadWriter {
        let head = HeadWriter::request(method, target)
            .field("Host", self.endpoint.authority())
            .field("User-Agent", USER_AGENT);
        match &self.options.token {
            Some(token) => head.field("Authorization", token.authorization()),
            None => head,
        }
    }

    /// Sends a request that is all in memory, and waits for the head of its answer.
    pub(crate) fn ask(&self, method: &Method, request: &[u8]) -> Result<Response<'_>, Error> {
        self.ask_within(method, request, self.options.answer_timeout)
    }

    /// The same, with a time of its own to wait.
    pub(crate) fn ask_within(
        &self,
        method: &Method,
        request: &[u8],
        wait: Duration,
    ) -> Result<Response<'_>, Error> {
        let queue = || {
            let mut queue = SendQueue::new(SendRoute::Copy);
            queue.push_memory(request.to_vec());
            queue
        };
        let watch = &mut |_| ControlFlow::Continue(());
        let (response, _) = self.exchange(method, queue, wait, watch)?;
        Ok(response.expect("nobody stops it"))
    }

    /// Sends a request, and waits for the head of its answer, at most for `wait` after the request is sent.
    ///
    /// A kept connection that proves to be closed is no failure: `queue` gives the request again for a new one. That is
    /// sound because every such request may be repeated. There is no answer if the watch ended it.
    pub(crate) fn exchange(
        &self,
        method: &Method,
        queue: impl Fn() -> SendQueue,
        wait: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<(Option<Response<'_>>, Carried), Error> {
        // A removal that is repeated would say that the blob was not there.
        let mut kept = if *method == Method::DELETE { None } else { self.kept() };
        loop {
            let is_kept = kept.is_some();
            let mut connection = kept.take().map_or_else(|| self.connect(), Ok)?;
            let mut queue = queue();
            let head = self.converse(&mut connection, method, &mut queue, wait, watch);
            match head {
                Ok(head) => {
                    let response = head.map(|head| Response::new(self, connection, head, queue.is_empty()));
                    return Ok((response, *queue.carried()));
                }
                Err(error) => {
                    let is_stale = is_kept && kind_of(&error) == ErrorKind::Lost;
                    if !is_stale || !connection.pending().is_empty() {
                        return Err(Error::moving(&self.endpoint, error));
                    }
                }
            }
        }
    }

    fn converse(
        &self,
        connection: &mut Connection,
        method: &Method,
        queue: &mut SendQueue,
        wait: Duration,
        watch: &mut Watch<'_>,
    ) -> io::Result<Option<Head>> {
        match connection.send(queue, method, self.options.timeout, watch)? {
            Sent::Stopped => return Ok(None),
            Sent::Whole | Sent::Answered => {}
        }
        let head = connection.receive_head(method, wait)?;
        connection.wait_at_most(self.options.timeout)?;
        Ok(Some(head))
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let connection = Connection::open(&self.endpoint, self.options.timeout)
            .map_err(|error| Error::connect(&self.endpoint, error))?;
        self.was_reached.store(true, Ordering::Relaxed);
        Ok(connection)
    }

    /// Whether the server was ever there: one that restarts is waited for, and one that never was is not.
    pub(crate) fn was_reached(&self) -> bool {
        self.was_reached.load(Ordering::Relaxed)
    }

    /// Waits for the server no more until it is there again.
    pub(crate) fn give_up(&self) {
        self.was_reached.store(false, Ordering::Relaxed);
    }

    /// The connection that was used last and looks alive: it is the least likely to be closed.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_COUNT_MAX {
            idle.push(connection);
        }
    }
}

const USER_AGENT: &str = concat!("aqueduct/", env!("CARGO_PKG_VERSION"));

/// As many as threads are likely to ask at once.
const IDLE_COUNT_MAX: usize = 32;
