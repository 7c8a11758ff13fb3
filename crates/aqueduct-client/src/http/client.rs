//! The connections that are kept for the next request, and how requests and answers go over them.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aqueduct_flow::{Carried, SendQueue, SendRoute};
use aqueduct_wire::http1::HeadWriter;
use http::Method;

use crate::error::{Error, ErrorKind, kind_of};
use crate::http::connection::{Connection, Sent, Watch};
use crate::http::head::Head;
use crate::http::response::Response;
use crate::site::{Site, USER_AGENT};

/// Speaks HTTP. Each operation uses a connection of its own.
#[derive(Debug)]
pub(crate) struct HttpClient {
    pub(crate) site: Site,
    /// Connections that wait for the next request; at most [`IDLE_COUNT_MAX`].
    idle: Mutex<Vec<Connection>>,
}

impl HttpClient {
    pub(crate) fn new(site: Site) -> Self {
        Self { site, idle: Mutex::default() }
    }

    /// Begins the head of a request.
    pub(crate) fn head(&self, method: &Method, target: &str) -> HeadWriter {
        let head = HeadWriter::request(method, target)
            .field("Host", self.site.endpoint.authority())
            .field("User-Agent", USER_AGENT);
        match &self.site.options.token {
            Some(token) => head.field("Authorization", token.authorization()),
            None => head,
        }
    }

    /// Sends a request that is all in memory, and waits for the head of its answer.
    pub(crate) fn ask(&self, method: &Method, request: &[u8]) -> Result<Response<'_>, Error> {
        self.ask_within(method, request, self.site.options.answer_timeout)
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
                        return Err(Error::moving(&self.site.endpoint, error));
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
        match connection.send(queue, method, self.site.options.timeout, watch)? {
            Sent::Stopped => return Ok(None),
            Sent::Whole | Sent::Answered => {}
        }
        let head = connection.receive_head(method, wait)?;
        connection.wait_at_most(self.site.options.timeout)?;
        Ok(Some(head))
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let connection = Connection::open(&self.site.endpoint, self.site.options.timeout)
            .map_err(|error| Error::connect(&self.site.endpoint, error))?;
        self.site.reached();
        Ok(connection)
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

/// As many as threads are likely to ask at once.
const IDLE_COUNT_MAX: usize = 32;
