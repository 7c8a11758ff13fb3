//! An answer: its head, and its body still on the connection.

use std::fs::File;
use std::io;

use aqueduct_flow::{Intake, Observe};
use http::StatusCode;
use serde_json::Value;

use crate::error::Error;
use crate::http::HttpClient;
use crate::http::body::Body;
use crate::http::connection::Connection;
use crate::http::head::Head;
use crate::http::problem::Problem;

/// Dropped after the end of its body, it leaves the connection to the next request; before it, closes it.
#[derive(Debug)]
pub(crate) struct Response<'c> {
    client: &'c HttpClient,
    pub(crate) head: Head,
    body: Body,
    /// `None` only while this is dropped.
    connection: Option<Connection>,
    /// Whether the server will not take the rest of the request for the next one.
    is_request_whole: bool,
}

impl<'c> Response<'c> {
    pub(crate) fn new(
        client: &'c HttpClient,
        connection: Connection,
        head: Head,
        is_request_whole: bool,
    ) -> Self {
        let body = Body::new(head.framing);
        Self { client, head, body, connection: Some(connection), is_request_whole }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    /// Reads some bytes of the body; 0 is its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let connection = self.connection.as_mut().expect("it is there until the drop");
        self.body.read(connection, buffer)
    }

    /// Moves some bytes of the body into `file` at `offset`; 0 is its end.
    pub(crate) fn receive(
        &mut self,
        intake: &mut Intake,
        file: &File,
        offset: u64,
        observe: &mut Observe<'_>,
    ) -> io::Result<usize> {
        let connection = self.connection.as_mut().expect("it is there until the drop");
        self.body.receive(connection, intake, file, offset, observe)
    }

    /// The body as JSON.
    pub(crate) fn json(self) -> Result<Value, Error> {
        self.json_of(JSON_LEN_MAX)
    }

    /// The same of a body that may have as many bytes as this.
    pub(crate) fn json_of(mut self, len_max: usize) -> Result<Value, Error> {
        let endpoint = &self.client.site.endpoint;
        let body = self.text(len_max).map_err(|error| Error::moving(endpoint, error))?;
        serde_json::from_slice(&body).map_err(|error| Error::protocol(endpoint, error))
    }

    /// The failure that an answer with an unwanted status is.
    pub(crate) fn failure(mut self) -> Error {
        // Without its words it is the same failure.
        let problem =
            self.text(PROBLEM_LEN_MAX).map_or_else(|_| Problem::default(), |it| Problem::parse(&it));
        Error::status(&self.client.site.endpoint, self.head.status, &problem)
    }

    /// The body, if it has no more than `len_max` bytes.
    fn text(&mut self, len_max: usize) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let len = text.len();
            text.resize(len + READ_LEN, 0);
            let read = self.read(&mut text[len..])?;
            text.truncate(len + read);
            if read == 0 {
                return Ok(text);
            }
            if text.len() > len_max {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
            }
        }
    }
}

impl Drop for Response<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.is_request_whole
            && self.head.keep_alive
            && self.body.is_over()
        {
            self.client.keep(connection);
        }
    }
}

/// A page of 10000 blobs has about 1.4 MiB.
const JSON_LEN_MAX: usize = 4 << 20;

/// A problem is a few sentences.
const PROBLEM_LEN_MAX: usize = 64 << 10;

const READ_LEN: usize = 16 << 10;
