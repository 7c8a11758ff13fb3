//! Streams, whose size nobody knows: in chunks, hashed on their way through.

use std::io::Read;
use std::ops::ControlFlow;

use aqueduct_blob::{Algorithm, Hasher};
use aqueduct_flow::{Carried, SendQueue, SendRoute};
use aqueduct_wire::http1::{CHUNK_END, LAST_CHUNK, chunk_head};
use http::Method;

use super::CONTENT_TYPE;
use super::unnamed::unnamed_target;
use crate::error::Error;
use crate::http::HttpClient;
use crate::http::connection::{Connection, Sent};
use crate::http::response::Response;
use crate::stream::{READ_LEN, read};
use crate::uploaded::{Observe, Uploaded};

impl HttpClient {
    /// Sends a stream to its end. It cannot be read twice, so that what breaks is not taken up again.
    pub(crate) fn put_stream(
        &self,
        algorithm: Algorithm,
        source: &mut dyn Read,
        observe: &mut Observe<'_>,
    ) -> Result<Uploaded, Error> {
        // Whoever makes the stream may take its time to begin, which a server does not wait for.
        let mut buffer = vec![0; READ_LEN];
        let first_len = read(source, &mut buffer)?;
        // Not a kept one, which may be closed already: there is no second try.
        let mut connection = self.connect()?;
        let mut hasher = Hasher::new(algorithm);
        let begun = Begun { source, buffer, len: first_len };
        let answered = self.send_stream(&mut connection, algorithm, begun, &mut |bytes| {
            hasher.update(bytes);
            observe(bytes.len() as u64);
        })?;
        let size = hasher.size();
        let received = connection.receive_head(&Method::POST, self.site.answer_wait(size));
        let head = received.map_err(|error| Error::moving(&self.site.endpoint, error))?;
        let stored = self.stored(Response::new(self, connection, head, answered == Sent::Whole))?;
        let digest = hasher.finish().digest;
        if stored.digest != digest {
            return Err(Error::stored_other(&self.site.endpoint, &digest, &stored.digest));
        }
        Ok(Uploaded { digest, size, is_new: stored.is_new, sent: size, carried: Carried::default() })
    }

    /// Sends the head and all chunks, unless the server answers before.
    fn send_stream(
        &self,
        connection: &mut Connection,
        algorithm: Algorithm,
        begun: Begun<'_>,
        observe: &mut dyn FnMut(&[u8]),
    ) -> Result<Sent, Error> {
        let Begun { source, mut buffer, mut len } = begun;
        let head = self.head(&Method::POST, &unnamed_target(algorithm)).field("Content-Type", CONTENT_TYPE);
        let mut queue = SendQueue::new(SendRoute::Copy);
        queue.push_memory(head.field("Transfer-Encoding", "chunked").finish());
        loop {
            let piece = &buffer[..len];
            if len > 0 {
                queue.push_memory([chunk_head(len as u64).as_bytes(), piece, CHUNK_END].concat());
            } else {
                queue.push_memory(LAST_CHUNK.to_vec());
            }
            let watch = &mut |_| ControlFlow::Continue(());
            let sent = connection.send(&mut queue, &Method::POST, self.site.options.timeout, watch);
            let sent = sent.map_err(|error| Error::moving(&self.site.endpoint, error))?;
            observe(piece);
            if len == 0 || sent == Sent::Answered {
                return Ok(sent);
            }
            if connection
                .has_answer(&Method::POST)
                .map_err(|error| Error::moving(&self.site.endpoint, error))?
            {
                return Ok(Sent::Answered);
            }
            len = read(source, &mut buffer)?;
        }
    }
}

/// A stream of which the first `len` bytes were read.
struct Begun<'a> {
    source: &'a mut dyn Read,
    buffer: Vec<u8>,
    len: usize,
}
