//! Uploads: of files by sendfile, of streams in chunks. What the server says that it took is held against what was sent.

mod named;
mod stream;
mod unnamed;

use std::ops::ControlFlow;

use aqueduct_blob::Digest;
use aqueduct_flow::{Carried, SendQueue, SendRoute};
use http::{Method, StatusCode};

use crate::error::Error;
use crate::http::HttpClient;
use crate::http::questions;
use crate::http::response::Response;
use crate::source::Source;
use crate::uploaded::Observe;

/// What the server says that it stored.
#[derive(Debug)]
struct Stored {
    digest: Digest,
    is_new: bool,
}

/// How far an upload is. One that begins again tells of what it sends anew, and of nothing twice.
struct Progress<'a> {
    observe: &'a mut Observe<'a>,
    size: u64,
    sent: u64,
    told: u64,
}

impl<'a> Progress<'a> {
    fn new(size: u64, observe: &'a mut Observe<'a>) -> Self {
        Self { observe, size, sent: 0, told: 0 }
    }

    /// Notes that this much of head and body is left to send.
    fn left(&mut self, left: u64) {
        self.sent = self.size - left.min(self.size);
        if self.sent > self.told {
            (self.observe)(self.sent - self.told);
            self.told = self.sent;
        }
    }
}

impl HttpClient {
    /// Sends a file once. Nothing is stored if `stop`, which is told how much is left, said so before everything was sent.
    fn send_file(
        &self,
        method: &Method,
        target: &str,
        source: &Source,
        progress: &mut Progress<'_>,
        stop: &dyn Fn(u64) -> bool,
    ) -> Result<(Option<Stored>, Carried), Error> {
        let head = self.head(method, target).field("Content-Type", CONTENT_TYPE);
        let head = head.field("Content-Length", source.size()).finish();
        let queue = || {
            let mut queue = SendQueue::new(SendRoute::Sendfile);
            queue.push_memory(head.clone());
            queue.push_extent(source.extent(0..source.size()));
            queue
        };
        let watch = &mut |left| {
            progress.left(left);
            if stop(left) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let (response, carried) =
            self.exchange(method, queue, self.site.answer_wait(source.size()), watch)?;
        Ok((response.map(|response| self.stored(response)).transpose()?, carried))
    }

    /// Reads what the server says of an upload.
    fn stored(&self, response: Response<'_>) -> Result<Stored, Error> {
        let is_new = match response.status() {
            StatusCode::CREATED => true,
            StatusCode::OK => false,
            _ => return Err(response.failure()),
        };
        let answer = response.json()?;
        match questions::digest(&answer["digest"]) {
            Some(digest) => Ok(Stored { digest, is_new }),
            None => Err(Error::protocol(&self.site.endpoint, "its answer has no digest in it")),
        }
    }
}

const CONTENT_TYPE: &str = "application/octet-stream";
